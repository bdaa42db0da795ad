package experiment

import (
	"math"
	"strconv"
	"strings"
)

// digits writes x to three significant digits, for sentences.
func digits(x float64) string {
	size := math.Abs(x)
	switch {
	case !finite(x):
		return "undefined"
	case size == 0:
		return "0"
	case size < 1e-3 || size >= 1e5:
		s := strconv.FormatFloat(x, 'e', 1, 64)
		mantissa, exponent, _ := strings.Cut(s, "e")
		e, _ := strconv.Atoi(exponent)
		return strings.Replace(mantissa, "-", "−", 1) + "e" + strings.Replace(strconv.Itoa(e), "-", "−", 1)
	}
	decimals := max(0, 2-int(math.Floor(math.Log10(size))))
	return strings.Replace(strconv.FormatFloat(x, 'f', decimals, 64), "-", "−", 1)
}

// percent writes a share with its interval.
func percent(e Estimate) string {
	of := func(x Number) string { return strconv.FormatFloat(100*float64(x), 'f', 1, 64) }
	if !finite(float64(e.Low)) || !finite(float64(e.High)) {
		return of(e.Value) + "%"
	}
	return strings.ReplaceAll(of(e.Value)+"% ["+of(e.Low)+", "+of(e.High)+"]", "-", "−")
}

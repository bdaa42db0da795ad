package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/transfer"
)

// undefined stands for a number that is not defined.
const undefined = "–"

func defined(x transfer.Number) bool {
	return !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0)
}

// fixed writes x with the given number of decimals.
func fixed(decimals int, x transfer.Number) string {
	if !defined(x) {
		return undefined
	}
	s := strconv.FormatFloat(float64(x), 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return strings.Replace(s, "-", "−", 1)
}

// significant writes x with n significant digits, and with a power of ten where
// it is very small or very large.
func significant(n int, x transfer.Number) string {
	size := math.Abs(float64(x))
	switch {
	case !defined(x):
		return undefined
	case size == 0:
		return "0"
	case size < 1e-4 || size >= 1e6:
		s := strconv.FormatFloat(float64(x), 'e', n-1, 64)
		mantissa, exponent, _ := strings.Cut(s, "e")
		e, _ := strconv.Atoi(exponent)
		return fmt.Sprintf("%se%d", strings.Replace(mantissa, "-", "−", 1), e)
	}
	return fixed(max(0, n-1-int(math.Floor(math.Log10(size)))), x)
}

func percent(x transfer.Number) string {
	if !defined(x) {
		return undefined
	}
	return fixed(1, 100*x) + "%"
}

// relative writes a relative error as a percentage, which may be large.
func relative(x transfer.Number) string {
	switch {
	case !defined(x):
		return undefined
	case x >= 10:
		return ">999%"
	case x >= 0.0995: // 10%
		return fixed(0, 100*x) + "%"
	}
	return significant(2, 100*x) + "%"
}

// budgetError is the error that budgets are for.
func budgetError() string { return strconv.FormatFloat(100*transfer.BudgetError, 'g', 3, 64) + "%" }

// neurons writes a budget given by its logarithm to base ten: 1,234, 3e12, or
// >1e300 beyond.
func neurons(log10 transfer.Number) string {
	x := float64(log10)
	switch {
	case math.IsNaN(x):
		return undefined
	case x > 300:
		return ">1e300"
	case x < 5:
		return counts.Format(int64(math.Ceil(math.Pow(10, x) - 1e-9)))
	}
	exponent := math.Floor(x)
	digit := math.Round(math.Pow(10, x-exponent))
	if digit == 10 {
		digit, exponent = 1, exponent+1
	}
	return fmt.Sprintf("%.0fe%.0f", digit, exponent)
}

// size writes a number of bytes.
func size(bytes int) string {
	x, unit := float64(bytes), "bytes"
	for _, next := range []string{"KiB", "MiB", "GiB"} {
		if x < 1024 {
			break
		}
		x, unit = x/1024, next
	}
	if unit == "bytes" {
		return counts.Plural(bytes, "byte")
	}
	return significant(3, transfer.Number(x)) + " " + unit
}

// printable replaces what could steer a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		if unicode.IsSpace(r) {
			return ' '
		}
		return unicode.ReplacementChar
	}, s)
}

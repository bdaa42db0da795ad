// Package counts writes how many there are of something, alike in tables, figures
// and sentences.
package counts

import (
	"strconv"
	"strings"
)

// Format writes n with commas between thousands.
func Format[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return strings.Replace(s, "-", "−", 1)
}

// Plural writes a count with its noun: 1 head, 6,757 heads.
func Plural[T int | int64](n T, noun string) string { return Nouns(n, noun, noun+"s") }

// Nouns writes a count with what it is called where there is one, or are many.
func Nouns[T int | int64](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Format(n) + " " + many
}

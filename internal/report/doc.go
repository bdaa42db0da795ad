// Package report writes the result of a transfer for readers: a table for the
// terminal, a page for the browser, JSON for programs, and a folder with all of
// it and the figures. It computes nothing: numbers come from the result, so the
// same result gives the same bytes.
package report

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var errInterrupted = errors.New("interrupted; no file was left half-written")

// interruptedError is what is said instead where something was left on purpose.
type interruptedError struct{ error }

// usageError is a command line that cannot be meant, found after parsing.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usagef returns an error that ends the program with exitUsage. The text says
// what to do, like every error.
func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

func isUsage(err error) bool {
	var u usageError
	return errors.As(err, &u)
}

// plain is what the program says of an error: all of it on one line, so that it
// is the last one on stderr, and in the same words on every operating system
// where a file is not there.
func plain(err error) string {
	text := err.Error()
	if words := missing(err); words != "" {
		text = strings.Replace(text, words, "there is no such file", 1)
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSpace(l)
	}
	return strings.TrimSpace(strings.Join(lines, " "))
}

// missing returns in what words the operating system said, somewhere below err,
// that a file does not exist; "" if it did not.
func missing(err error) string {
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if below := e.Unwrap(); below != nil {
			return missing(below)
		}
	case interface{ Unwrap() []error }:
		for _, below := range e.Unwrap() {
			if words := missing(below); words != "" {
				return words
			}
		}
		return ""
	}
	if errors.Is(err, fs.ErrNotExist) {
		return err.Error()
	}
	return ""
}

// flagError rewrites what the flag parser says: which flag of which command,
// and what it takes instead.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		name := "--" + unknown.GetSpecifiedName()
		if short := unknown.GetSpecifiedShortnames(); short != "" {
			name = "-" + unknown.GetSpecifiedName()
		}
		return fmt.Errorf("%sunknown flag %s; %s", prefix(c), name,
			instead(similarFlags(c, unknown.GetSpecifiedName()), c))
	case errors.As(err, &missing):
		name := missing.GetFlag().Name
		return fmt.Errorf("%sflag --%s needs a value; give it as --%s VALUE, %s", prefix(c), name, name, see(c))
	case errors.As(err, &invalid):
		return fmt.Errorf("%s--%s %q: %w", prefix(c), invalid.GetFlag().Name, invalid.GetValue(), invalid.Unwrap())
	}
	return fmt.Errorf("%s%w; %s", prefix(c), err, see(c))
}

// prefix names the command in an error, the program itself not at all.
func prefix(c *cobra.Command) string {
	if !c.HasParent() {
		return ""
	}
	return strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ") + ": "
}

// see says where to look.
func see(c *cobra.Command) string { return fmt.Sprintf("see %q", c.CommandPath()+" --help") }

// instead says what was perhaps meant and where to look.
func instead(names []string, c *cobra.Command) string {
	if len(names) > 0 {
		return fmt.Sprintf("did you mean %s? If not, %s", strings.Join(names, " or "), see(c))
	}
	return see(c)
}

// similarFlags returns flags that start like name, or differ by a slip or two.
func similarFlags(c *cobra.Command, name string) []string {
	var near []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && len(name) > 1 && (strings.HasPrefix(f.Name, name) || distance(f.Name, name) <= 2) {
			near = append(near, "--"+f.Name)
		}
	})
	return near
}

// distance is Levenshtein's: insertions, deletions and substitutions from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// similarCommands returns commands below c that differ from name by a slip or
// two, or that it abbreviates.
func similarCommands(c *cobra.Command, name string) []string {
	var near []string
	for _, sub := range c.Commands() {
		if !sub.Hidden && (strings.HasPrefix(sub.Name(), name) || distance(sub.Name(), name) <= 2) {
			near = append(near, sub.Name())
		}
	}
	return near
}

// arguments returns a check that exactly the named arguments are there; those in
// brackets may be missing.
func arguments(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		for i, name := range names {
			if i >= len(args) && !strings.HasPrefix(name, "[") {
				return fmt.Errorf("%s%s is missing; %s", prefix(c), name, see(c))
			}
		}
		if len(args) <= len(names) {
			return nil
		}
		extra := args[len(names)]
		if len(names) == 0 {
			return fmt.Errorf("%sunexpected argument %q, it takes none; %s", prefix(c), extra, see(c))
		}
		return fmt.Errorf("%sunexpected argument %q after %s; %s", prefix(c), extra, strings.Join(names, " "), see(c))
	}
}

// subcommand is the argument check of a command that only holds others.
func subcommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%sunknown command %q; %s", prefix(c), args[0], instead(similarCommands(c, args[0]), c))
}

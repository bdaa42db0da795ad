package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is the width in columns that help is wrapped to.
const helpWidth = 80

// shortHelp is what the program prints when nothing is asked of it.
func shortHelp(e *env, root *cobra.Command) error {
	fmt.Fprintf(e.stdout, "%s.\n\nUsage:\n  tripartite COMMAND [flags]\n", root.Short)
	listCommands(e.stdout, root)
	fmt.Fprintf(e.stdout, "\nStart with:\n%s\n\n%q explains a command.\n", root.Example, "tripartite help COMMAND")
	return nil
}

// help explains a command: what it does, how it is called, an example, and its
// flags under their headings.
func help(w io.Writer, c *cobra.Command) {
	about := c.Long
	if about == "" {
		about = c.Short
	}
	fmt.Fprintf(w, "%s\n\nUsage:\n", strings.TrimSpace(about))
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "  %s COMMAND [flags]\n", c.CommandPath())
	} else {
		fmt.Fprintf(w, "  %s [flags]\n", strings.TrimSuffix(c.UseLine(), " [flags]"))
	}
	if c.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n%s\n", c.Example)
	}
	listCommands(w, c)
	listFlags(w, c)
}

// listCommands lists the commands below c under the headings of their groups.
func listCommands(w io.Writer, c *cobra.Command) {
	width := 0
	for _, sub := range c.Commands() {
		width = max(width, len(sub.Name()))
	}
	list := func(heading, id string) {
		first := true
		for _, sub := range c.Commands() {
			if sub.GroupID != id || sub.Hidden {
				continue
			}
			if first {
				fmt.Fprintf(w, "\n%s:\n", heading)
				first = false
			}
			fmt.Fprintf(w, "  %-*s  %s\n", width, sub.Name(), sub.Short)
		}
	}
	for _, g := range c.Groups() {
		list(g.Title, g.ID)
	}
	list("Commands", "")
}

// listFlags lists the flags of c under their headings, in the order in which
// they were declared, and at the end those that all commands share.
func listFlags(w io.Writer, c *cobra.Command) {
	const own, global = "Flags", "Global flags"
	var headings []string
	under := map[string][]*pflag.Flag{}
	add := func(heading string, f *pflag.Flag) {
		if under[heading] == nil {
			headings = append(headings, heading)
		}
		under[heading] = append(under[heading], f)
	}
	inherited := c.InheritedFlags() // merges them into Flags, too
	c.Flags().SortFlags = false
	c.Flags().VisitAll(func(f *pflag.Flag) {
		switch heading := f.Annotations[groupAnnotation]; {
		case f.Hidden || inherited.Lookup(f.Name) != nil:
		case len(heading) > 0:
			add(heading[0], f)
		case c.HasParent():
			add(own, f)
		}
	})
	c.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) { add(global, f) })
	for _, h := range headings {
		fmt.Fprintf(w, "\n%s:\n", h)
		for _, f := range under[h] {
			printFlag(w, f)
		}
	}
}

// printFlag prints a flag and, from a fixed column on, what it does.
func printFlag(w io.Writer, f *pflag.Flag) {
	const column = 26
	name, usage := pflag.UnquoteUsage(f)
	short := "    "
	if f.Shorthand != "" {
		short = "-" + f.Shorthand + ", "
	}
	left := "  " + short + "--" + f.Name
	switch {
	case name == "":
	case f.NoOptDefVal != "":
		left += "[=" + name + "]"
	default:
		left += " " + name
	}
	if v, ok := f.Value.(interface{ showDefault() string }); ok {
		usage += v.showDefault()
	} else if f.Value.Type() == "string" && f.DefValue != "" {
		usage += " (default " + f.DefValue + ")"
	}
	lines := wrap(usage, helpWidth-column)
	if len(left) >= column-1 {
		fmt.Fprintln(w, left)
		left = ""
	}
	for _, l := range lines {
		fmt.Fprintf(w, "%-*s%s\n", column, left, l)
		left = ""
	}
}

// wrap breaks text into lines of at most width characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

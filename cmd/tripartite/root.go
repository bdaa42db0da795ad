package main

import (
	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/internal/kernel"
)

// Headings of the list of commands.
const (
	groupCircuit = "circuit"
	groupModels  = "models"
	groupOther   = "other"
)

// newRoot builds the command tree. A new command is one file with a constructor
// and one line here.
func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "tripartite",
		Short: "Transformers built out of neurons and astrocytes",
		Long: `Tripartite builds transformers out of neurons and astrocytes. Synapses wrapped
by an astrocyte store keys and values by Hebbian plasticity; the astrocyte's
calcium divides what is read out. Together they compute self-attention
(Kozachkov, Kastanenka & Krotov, PNAS 120(34), 2023).

Results go to standard output or into the file named by -o; progress, notes and
errors go to standard error. A path "-" is standard input or output. Exit codes:
0 done, 1 failed, 2 wrong command line, 130 interrupted. The environment
variable NO_COLOR turns colors off.`,
		Example: `  tripartite transfer
  tripartite models
  tripartite run --text "In the beginning God created the [MASK] and the earth."
  tripartite attend head.npz -o out.npz`,
		Version:       programVersion(),
		Args:          subcommand,
		RunE:          func(c *cobra.Command, _ []string) error { return shortHelp(e, c) },
		SilenceErrors: true, // run prints them
		SilenceUsage:  true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			e.started = true
			if err := kernel.ChoiceError(); err != nil { // or somebody measures one and believes it another
				return usageError{err}
			}
			return nil
		},
	}
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { help(e.stdout, c) })
	root.SetHelpCommand(newHelp(e))
	root.SetVersionTemplate("tripartite {{.Version}}\n")
	e.flags(root.PersistentFlags())

	root.AddGroup(
		&cobra.Group{ID: groupCircuit, Title: "The circuit"},
		&cobra.Group{ID: groupModels, Title: "Pretrained networks"},
		&cobra.Group{ID: groupOther, Title: "Other"},
	)
	root.SetHelpCommandGroupID(groupOther)
	root.SetCompletionCommandGroupID(groupOther)
	for _, g := range []struct {
		id       string
		commands []*cobra.Command
	}{
		{groupCircuit, []*cobra.Command{newAttend(e), newSimulate(e), newMemory(e)}},
		{groupModels, []*cobra.Command{newTransfer(e), newExperiment(e), newFit(e), newRun(e), newStream(e), newTokenize(e), newModels(e), newPull(e)}},
		{groupOther, []*cobra.Command{newBench(e), newVersion(e)}},
	} {
		for _, c := range g.commands {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	completeCompletion(root)
	return root
}

// completeCompletion gives the library's completion command what ours have.
func completeCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	c := child(root, "completion")
	c.Short = "Generate a script that completes commands in a shell"
	c.Example = `  tripartite completion bash
  tripartite completion zsh --help`
	c.Args = subcommand
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	for _, shell := range c.Commands() {
		shell.Example = "  tripartite completion " + shell.Name()
	}
}

// newHelp is "tripartite help COMMAND".
func newHelp(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		Long:  `Help prints what "tripartite COMMAND --help" prints.`,
		Example: `  tripartite help attend
  tripartite help memory merge`,
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			of, _, err := c.Root().Find(args)
			var names []string
			if err == nil {
				for _, sub := range of.Commands() {
					names = append(names, sub.Name())
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			of := c.Root()
			for _, name := range args {
				next := child(of, name)
				if next == nil {
					return usagef("help: %s has no command %q; %s", of.CommandPath(), name, instead(similarCommands(of, name), of))
				}
				of = next
			}
			help(e.stdout, of)
			return nil
		},
	}
}

// child returns the command of that name below c, or nil.
func child(c *cobra.Command, name string) *cobra.Command {
	for _, sub := range c.Commands() {
		if sub.Name() == name {
			return sub
		}
	}
	return nil
}

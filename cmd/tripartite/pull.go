package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/hub"
	"github.com/tripartite-go/tripartite/internal/counts"
)

// pullResult is what `tripartite pull --json` prints.
type pullResult struct {
	Schema   string           `json:"schema"`
	Program  string           `json:"program"` // version of the program
	Model    string           `json:"model"`
	Revision string           `json:"revision"` // as asked for
	Commit   string           `json:"commit"`   // that it stands for
	Bytes    int64            `json:"bytes"`    // of all files
	Files    []hub.PulledFile `json:"files"`
}

func newPull(e *env) *cobra.Command {
	var revision string
	c := &cobra.Command{
		Use:   "pull MODEL",
		Short: "Fetch a model from the Hugging Face hub",
		Long: `Pull downloads those files of a model on huggingface.co that this program
reads into the cache that all programs of Hugging Face share. From then on other
commands take its name as MODEL, without the network. MODEL@REVISION, or
--revision, is a branch, a tag, a commit or a pull request (refs/pr/NUMBER).

What is in the cache is not fetched again; a download that was interrupted goes
on where it ended. Sizes and checksums are verified, and a model appears in the
cache only when all of it is there.

The environment is that of Hugging Face's own programs: HF_HUB_CACHE or HF_HOME
say where the cache is, HF_TOKEN or "hf auth login" give access to private and
gated models, HF_ENDPOINT names a mirror, HTTPS_PROXY a proxy, and with
HF_HUB_OFFLINE=1 nothing is fetched. No other command uses the network.`,
		Example: `  tripartite pull sentence-transformers/all-MiniLM-L6-v2
  tripartite pull openai-community/gpt2 --revision main --json`,
		Args: arguments("MODEL"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			for _, m := range hub.Known() {
				if len(args) == 0 {
					names = append(names, m.ID)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			arg := args[0]
			if revision != "" {
				if strings.Contains(arg, "@") {
					return usagef("pull: --revision %s and %s both name a revision; give one of the two", revision, arg)
				}
				arg += "@" + revision
			}
			return runPull(c.Context(), e, arg)
		},
	}
	c.Flags().StringVar(&revision, "revision", "", "`NAME` of a branch, a tag, a commit or a pull request (default main)")
	return c
}

func runPull(ctx context.Context, e *env, arg string) error {
	update, end := e.bytes("fetching")
	done, err := hub.Pull(ctx, arg, hub.PullOptions{
		Progress: update,
		Note:     func(text string) { e.warnf("%s", text) },
	})
	end()
	if ctx.Err() != nil {
		return interruptedError{fmt.Errorf("interrupted; what has come is kept, and \"tripartite pull %s\" goes on from there", arg)}
	}
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(pullResult{
			"tripartite.pull/1", programVersion(), done.ID, done.Revision, done.Commit, done.Bytes(), done.Files,
		})
	}
	state := "was in the cache already"
	if done.New {
		state = "fetched"
	}
	fmt.Fprintf(e.stdout, "%s: %s, %s, %.1f MB, commit %s\n", arg, state, counts.Plural(len(done.Files), "file"), float64(done.Bytes())/1e6, done.Commit)
	return nil
}

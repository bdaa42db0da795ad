package main

import (
	"fmt"

	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/task"
)

// generate prints texts and how they go on, as that comes to be.
func (j *job) generate() error {
	ends, err := task.EndTokens(j.files.files, j.net.Tokenizer)
	if err != nil {
		return fmt.Errorf("model %s: %w", j.files.name, err)
	}
	g := task.Generation{Sampling: j.flags.sampling, MaxTokens: j.flags.tokens, Ends: ends}
	g.TopK, g.Seed = j.flags.topK, j.e.seed
	begun := 0 // texts
	if !j.e.json {
		g.Stream = func(i int, piece string) error {
			if i == begun {
				if i > 0 {
					fmt.Fprint(j.e.stdout, "\n\n")
				}
				fmt.Fprint(j.e.stdout, j.texts[i])
				begun++
			}
			fmt.Fprint(j.e.stdout, piece)
			return j.e.flush()
		}
	}
	// What there is counts, even where an interruption keeps more from coming.
	out, err := task.Generate(j.ctx, j.net, j.texts, g, j.opt)
	if begun > 0 {
		fmt.Fprintln(j.e.stdout)
	}
	if j.e.json && len(out) > 0 {
		r := j.describe()
		r.Generated = out
		if failed := j.e.printJSON(r); err == nil {
			err = failed
		}
	}
	if failed := j.e.flush(); err == nil {
		err = failed
	}
	for i := range out {
		j.tell(i, &out[i])
	}
	return err
}

// tell says of text i what a reader would not see.
func (j *job) tell(i int, g *task.Generated) {
	if g.Finish == task.FinishPositions {
		j.e.warnf("text %d goes on for %s only: %s has positions for %d, prompt and answer together; shorten the prompt, or take a model without positions, such as the bundled causal or BLOOM",
			i+1, counts.Plural(len(g.IDs), "token"), j.files.name, j.net.Model.Config().Positions)
	}
	say := j.e.logf
	if j.flags.circuits.attention.UsesCircuits() {
		say = j.e.warnf
	}
	of := ""
	if len(j.texts) > 1 {
		of = fmt.Sprintf("text %d: ", i+1)
	}
	say("%sheads carry %d bytes after the %s of the prompt, %d after %d more, %s",
		of, g.BytesAfterPrompt, counts.Plural(len(g.PromptIDs), "token"), g.BytesAtEnd, len(g.IDs), ending(g.Finish))
}

// ending says where a text ended.
func ending(f task.Finish) string {
	switch f {
	case task.FinishEnd:
		return "where the model ends the text"
	case task.FinishPositions:
		return "where its positions end"
	case task.FinishInterrupted:
		return "where it was interrupted"
	}
	return "as many as --max-new-tokens says"
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite/input/text"
	"github.com/tripartite-go/tripartite/internal/counts"
)

func newTokenize(e *env) *cobra.Command {
	var file string
	var maxLength int
	c := &cobra.Command{
		Use:   "tokenize PATH",
		Short: "Turn texts into token ids",
		Long: `Tokenize reads JSON lines {"text": "..."} and prints JSON lines {"ids": [...]},
one for one and in order, with the model's special tokens added. Empty texts are
allowed; other keys of a line are ignored. Every line is printed as soon as it
is read, so that an error in line 5 leaves four lines printed.

PATH is the name of a bundled model, a tokenizer.json, a folder that holds one
(or vocab.txt, or vocab.json with merges.txt), or the name of a model in the
Hugging Face cache. WordPiece, byte-level BPE and Unigram are read. No weights
are needed.`,
		Example: `  tripartite tokenize language --file texts.jsonl
  echo '{"text": "Jesus wept."}' | tripartite tokenize language
  tripartite tokenize ./model/tokenizer.json --file texts.jsonl --max-length 128`,
		Args:              arguments("PATH"),
		ValidArgsFunction: completeModels(".json"),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := openTokenizer(args[0])
			if err != nil {
				return err
			}
			if maxLength > 0 {
				if fixed := len(t.Encode("")); maxLength < fixed {
					return usagef("tokenize: --max-length %d leaves no room for the %d special tokens; give more", maxLength, fixed)
				}
			}
			return tokenize(c.Context(), e, t, file, maxLength)
		},
	}
	c.Flags().StringVar(&file, "file", "-", "JSON lines to read, - for standard input: `TEXTS.jsonl`")
	intVar(c.Flags(), &maxLength, "max-length", 1, "truncate to N tokens, special tokens included (default no limit)")
	return c
}

// tokenize streams JSON lines from a file to standard output.
func tokenize(ctx context.Context, e *env, t *text.Tokenizer, path string, maxLength int) error {
	r, name, err := openText(e, path)
	if err != nil {
		return err
	}
	defer r.Close()
	var out []byte
	truncated := 0
	err = eachLine(ctx, r, name, func(n int, line []byte) error {
		if len(bytes.TrimSpace(line)) == 0 {
			return fmt.Errorf(`%s: line %d is empty; write {"text": ""} for an empty text, or delete the line`, name, n)
		}
		s, err := textOfJSON(name, n, line)
		if err != nil {
			return err
		}
		enc := t.EncodeAligned(s)
		if maxLength > 0 {
			dropped, err := enc.Truncate(maxLength)
			if err != nil {
				return fmt.Errorf("%s: line %d: %w", name, n, err)
			}
			if dropped > 0 {
				truncated++
			}
		}
		out = append(out[:0], `{"ids":[`...)
		for i, id := range enc.IDs {
			if i > 0 {
				out = append(out, ',')
			}
			out = strconv.AppendInt(out, int64(id), 10)
		}
		out = append(out, "]}\n"...)
		if _, err := e.stdout.Write(out); err != nil {
			return e.flush() // says what went wrong
		}
		return nil
	}, e.flush)
	if truncated > 0 {
		e.warnf("%s truncated to %d tokens", counts.Nouns(truncated, "text was", "texts were"), maxLength)
	}
	if flushing := e.flush(); err == nil { // what was read before an error counts
		err = flushing
	}
	return err
}

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tripartite-go/tripartite"
	"github.com/tripartite-go/tripartite/internal/counts"
	"github.com/tripartite-go/tripartite/stream"
)

func newMemory(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "memory",
		Short: "Describe and merge saved memories",
		Long: `A memory is all that a circuit keeps of what it was shown: the Hebbian weights H
and the gains g of the astrocyte's processes. Its size does not depend on the
number of tokens, and memories of one circuit add, so that they can be written
in parallel, saved (attend --save-memory, stream --head --save), resumed (attend
--memory, stream --resume) and merged.`,
		Example: `  tripartite memory info first.safetensors
  tripartite memory merge first.safetensors second.safetensors -o both.safetensors`,
		Args: subcommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newMemoryInfo(e), newMemoryMerge(e))
	return c
}

func newMemoryInfo(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "info FILE",
		Short: "Describe a saved memory",
		Long: `Info prints which circuit a memory belongs to, how many tokens it holds and its
size. Memories merge, and resume, when their circuits agree: tuning curves
(compared by fingerprint, which covers map, weights and calibration), sizes,
forgetting and precision. Of a memory that stream saved it prints the model, the
circuits, and how much of the input it has taken in; of one head (stream --head)
the input's rows.`,
		Example: `  tripartite memory info first.safetensors
  tripartite memory info first.safetensors --json`,
		Args:              arguments("FILE"),
		ValidArgsFunction: pathCompletions("safetensors"),
		RunE: func(_ *cobra.Command, args []string) error {
			name, remove, err := e.seekable(args[0])
			if err != nil {
				return err
			}
			defer remove()
			return called(describeMemory(e, name), name, args[0])
		},
	}
}

func describeMemory(e *env, name string) error {
	if stream.IsMemory(name) {
		return showStreamMemory(e, name)
	}
	info, err := tripartite.InspectMemory(name)
	if err != nil {
		return err
	}
	head, err := stream.InspectHead(name)
	if err != nil {
		return err
	}
	return showMemory(e, info, head)
}

func newMemoryMerge(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "merge FILE FILE ... -o OUT",
		Short: "Add memories of one circuit",
		Long: `Merge writes the memory of a circuit that was shown the tokens of the first
memory, then those of the second, and so on. Without forgetting, memories simply
add and their order does not matter; with it, earlier ones fade as they would
have. Memories of different circuits are refused, those of stream --head whose
rows came through different weights too, and so are those of whole networks
(stream --save): keys of deeper layers depend on what came before. A merged
memory belongs to no input: a stream that resumes it begins one.`,
		Example: `  tripartite memory merge first.safetensors second.safetensors -o both.safetensors`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return fmt.Errorf("%s%s to merge, want at least two; %s", prefix(c), counts.Plural(len(args), "file"), see(c))
			}
			return nil
		},
		ValidArgsFunction: pathCompletions("safetensors"),
		RunE: func(c *cobra.Command, args []string) error {
			if output == "" {
				return usagef("memory merge: nowhere to write to; add -o OUT.safetensors")
			}
			if err := oneStream("input", args...); err != nil {
				return err
			}
			if e.json && isStream(output) {
				return usagef("memory merge: --json and the memory both want standard output; give -o a path")
			}
			return mergeMemories(e, c, args, output)
		},
	}
	outputVar(c, &output, "`OUT` file (safetensors), - for standard output (required)")
	return c
}

func mergeMemories(e *env, c *cobra.Command, paths []string, output string) (failed error) {
	names := make([]string, len(paths))
	for i, p := range paths {
		name, remove, err := e.seekable(p)
		if err != nil {
			return err
		}
		defer remove()
		names[i] = name
		defer func() { failed = called(failed, name, p) }()
		if stream.IsMemory(name) {
			return fmt.Errorf("merge %s: it is the memory of a whole network (stream --save), and those do not add: from the second layer on, keys and values depend on all tokens before, which two separate streams did not share; stream both inputs one after the other, with --resume", p)
		}
	}
	first, err := tripartite.InspectMemory(names[0])
	if err != nil {
		return err
	}
	var head *stream.HeadInfo
	for i, name := range names {
		info, err := tripartite.InspectMemory(name)
		if err != nil {
			return err
		}
		next, err := stream.InspectHead(name)
		if err != nil {
			return err
		}
		if i == 0 {
			head = next
		}
		if head, err = head.Merged(next); err != nil {
			return fmt.Errorf("merge %s and %s: %w", paths[0], paths[i], err)
		}
		if info.Precision != first.Precision {
			return fmt.Errorf("merge %s: it is in %s, but %s is in %s; memories merge in one precision only",
				paths[i], info.Precision, paths[0], first.Precision)
		}
	}
	if first.Precision == "float32" {
		return mergeAs[float32](e, c, names, paths, head, output)
	}
	return mergeAs[float64](e, c, names, paths, head, output)
}

// mergeAs merges the memories at names; the user calls them paths. What holds of
// the streams that wrote them, if all were streams, is head.
func mergeAs[F tripartite.Float](e *env, c *cobra.Command, names, paths []string, head *stream.HeadInfo, output string) error {
	update, end := e.progress("memories")
	defer end()
	var sum *tripartite.Memory[F]
	for i, name := range names {
		if err := c.Context().Err(); err != nil {
			return err
		}
		m, err := tripartite.LoadMemory[F](name)
		if err != nil {
			return err
		}
		if sum == nil {
			sum = m
		} else if err := sum.Merge(m); err != nil {
			return fmt.Errorf("%s and %s: %w", paths[0], paths[i], err)
		}
		update(i+1, len(names))
	}
	end()
	err := writeFile(c.Context(), e, output, func(w io.Writer) error {
		_, err := sum.WriteWith(w, head.Metadata())
		return err
	})
	if err != nil || isStream(output) {
		return err
	}
	info, err := tripartite.InspectMemory(output)
	if err != nil {
		return err
	}
	return showMemory(e, info, head)
}

// memoryResult is what `tripartite memory --json` prints.
type memoryResult struct {
	Program string `json:"program"` // version of the program that prints it
	tripartite.MemoryInfo
	Stream *stream.HeadInfo `json:"stream,omitempty"`
}

// showMemory prints the description of a memory, for programs or for people.
func showMemory(e *env, m tripartite.MemoryInfo, head *stream.HeadInfo) error {
	if e.json {
		return e.printJSON(memoryResult{programVersion(), m, head})
	}
	return printMemory(e.stdout, m, head)
}

// printMemory describes a memory for people.
func printMemory(w io.Writer, m tripartite.MemoryInfo, head *stream.HeadInfo) error {
	calibrated := ""
	if m.Circuit.Calibrated {
		calibrated = ", calibrated"
	}
	_, err := fmt.Fprintf(w, `schema       %s
tokens       %s
circuit      %s curves%s, d=%d, forgetting %g
fingerprint  %s
size         %s, %s, %s, %s
`, m.Schema, counts.Format(m.Tokens), m.Circuit.Tuning, calibrated, m.Circuit.Inputs, m.Circuit.Forget,
		m.Circuit.Fingerprint, counts.Plural(m.Neurons, "hidden neuron"), counts.Plural(m.Outputs, "output neuron"), m.Precision, counts.Plural(m.Bytes, "byte"))
	if err == nil && head != nil {
		_, err = fmt.Fprintf(w, "stream       %v\n", head)
	}
	return err
}

// streamMemoryResult is what `tripartite memory info --json` prints of a memory
// that stream saved.
type streamMemoryResult struct {
	Program string `json:"program"`
	stream.Info
}

func showStreamMemory(e *env, path string) error {
	m, err := stream.Inspect(path)
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(streamMemoryResult{programVersion(), m})
	}
	id := m.Identity
	circuits := fmt.Sprintf("%s curves, %s, draw %s, seed %d (%.8s)", id.Tuning, counts.Nouns(id.Neurons, "neuron a head", "neurons a head"), id.Draw, id.Seed, id.Circuits)
	if id.Curves != "" {
		circuits = fmt.Sprintf("%s curves (%.8s), %s in all (%.8s)", id.Tuning, id.Curves, counts.Plural(id.TotalNeurons, "neuron"), id.Circuits)
	}
	_, err = fmt.Fprintf(e.stdout, `schema       %s
tokens       %d, %d bytes of %s
model        %s (%.8s), %s
circuits     %s
size         %s
`, m.Schema, m.Tokens, m.Offset, id.Input, id.Model, id.Checkpoint, id.Arithmetic, circuits, counts.Plural(m.Bytes, "byte"))
	return err
}

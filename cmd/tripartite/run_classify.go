package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/task"
)

// classifiedFile is a file as JSON has it.
type classifiedFile struct {
	task.Classified
	Error string `json:"error,omitempty"`
}

// classify prints the likeliest labels of pictures or sounds.
func (j *job) classify(in []string) error {
	files := in
	if p := j.net.Preprocessor; p != nil { // a model of text is refused below
		var err error
		if files, err = expand(in, p); err != nil {
			return err
		}
	}
	table := j.flags.output == "" && !j.e.json
	width := 0
	for _, f := range files {
		width = max(width, utf8.RuneCountInString(f))
	}
	var failed []error
	c := task.Classification{Top: j.flags.top, Open: j.e.open}
	c.Each = func(one task.Classified) error {
		switch {
		case one.Err != nil:
			failed = append(failed, fmt.Errorf("%s: %w", inputName(one.File), one.Err))
			if len(files) > 1 {
				j.e.complain(failed[len(failed)-1])
			}
		case table:
			printLabels(j.e.stdout, &one, width)
			return j.e.flush()
		}
		return nil
	}
	end := func() {}
	if !table {
		j.opt.Progress, end = j.e.progress("files")
	}
	out, err := task.Classify(j.ctx, j.net, files, c, j.opt)
	end()
	if err != nil {
		return err
	}
	if j.flags.output != "" {
		err := writeFile(j.ctx, j.e, j.flags.output, func(w io.Writer) error { return writeLabels(w, out) })
		if err != nil {
			return err
		}
	}
	if j.e.json {
		r := j.describe()
		for _, one := range out {
			file := classifiedFile{Classified: one}
			if one.Err != nil {
				file.Error = plain(one.Err)
			}
			r.Classified = append(r.Classified, file)
		}
		if err := j.e.printJSON(r); err != nil {
			return err
		}
	}
	if err := j.e.flush(); err != nil {
		return err
	}
	switch {
	case len(failed) == 1 && len(files) == 1:
		return failed[0]
	case len(failed) > 0:
		return fmt.Errorf("%d of %d files could not be classified; what to do about each stands above", len(failed), len(files))
	}
	return nil
}

// printLabels prints the labels of one file, its name before the first.
func printLabels(w io.Writer, one *task.Classified, width int) {
	name := one.File
	for _, l := range one.Labels {
		fmt.Fprintf(w, "%-*s  %5.1f %%  %s\n", width, name, 100*l.Probability, l.Label)
		name = ""
	}
}

// writeLabels writes the labels of all files as CSV.
func writeLabels(w io.Writer, all []task.Classified) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"file", "rank", "id", "label", "probability"}}
	for _, one := range all {
		for i, l := range one.Labels {
			rows = append(rows, []string{one.File, strconv.Itoa(i + 1), strconv.Itoa(l.ID), l.Label, strconv.FormatFloat(l.Probability, 'g', 6, 64)})
		}
	}
	return out.WriteAll(rows)
}

// inputs reads what the task hidden runs.
func (j *job) inputs(path string) (task.Arrays, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".png", ".jpg", ".jpeg", ".webp", ".wav", ".flac":
	default:
		return readArrays(j.e, path, inputArrays)
	}
	p, err := network.ReadPreprocessor(j.files.files, j.net.Model)
	if err != nil {
		return task.Arrays{}, fmt.Errorf("%s: %w", path, err)
	}
	f, err := j.e.open(path)
	if err != nil {
		return task.Arrays{}, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	x, err := p.Read(f)
	if err != nil {
		return task.Arrays{}, fmt.Errorf("%s: %w", path, err)
	}
	// The model looks at the one that it reads.
	values := task.Floats(x)
	return task.Arrays{PixelValues: &values, InputValues: &values}, nil
}

package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tripartite-go/tripartite/task"
)

// classifiedFile is a file as JSON has it.
type classifiedFile struct {
	task.Classified
	Error string `json:"error,omitempty"`
}

// classify prints the likeliest labels of pictures or sounds.
func (j *job) classify(in []string) error {
	p, err := task.ReadPreprocessor(j.files.files, j.net.Model)
	if err != nil {
		return fmt.Errorf("classify: %w", err)
	}
	files, err := expand(in, p)
	if err != nil {
		return err
	}
	table := j.flags.output == "" && !j.e.json
	width := 0
	for _, f := range files {
		width = max(width, utf8.RuneCountInString(f))
	}
	var failed []error
	c := task.Classification{Top: j.flags.top, Open: j.open}
	c.Each = func(one task.Classified) error {
		switch {
		case one.Err != nil:
			failed = append(failed, fmt.Errorf("%s: %w", one.File, one.Err))
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
	out, err := task.Classify(j.ctx, j.net.Model, p, files, c, j.opt)
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

// open opens a file to classify.
func (j *job) open(name string) (io.ReadCloser, error) {
	if isStream(name) {
		return io.NopCloser(j.e.stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w; check the path", cause(err))
	}
	return f, nil
}

// expand puts, in the place of folders, the files in them and below that can be
// read, in the order of their names, those left out that begin with a dot. What is
// not there, or cannot be looked into, stays, and is named when it is opened.
func expand(in []string, p *task.Preprocessor) ([]string, error) {
	var files []string
	for _, path := range in {
		info, err := os.Stat(path)
		if isStream(path) || err != nil || !info.IsDir() {
			files = append(files, path)
			continue
		}
		n, root := len(files), path+string(filepath.Separator) // of a link, what it points at
		err = filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
			switch hidden := at != root && strings.HasPrefix(d.Name(), "."); {
			case err != nil:
				files = append(files, at)
				return fs.SkipDir
			case hidden && d.IsDir():
				return fs.SkipDir
			case !hidden && !d.IsDir() && slices.Contains(p.Extensions(), strings.ToLower(filepath.Ext(at))):
				files = append(files, at)
			}
			return nil
		})
		if err == nil && len(files) == n {
			err = errors.New("there is no file in it")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w that ends like a picture or sound that the model reads (%s)", path, err, p.Kinds())
		}
	}
	return files, nil
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
	p, err := task.ReadPreprocessor(j.files.files, j.net.Model)
	if err != nil {
		return task.Arrays{}, fmt.Errorf("%s: %w", path, err)
	}
	f, err := j.open(path)
	if err != nil {
		return task.Arrays{}, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	x, err := p.Read(f)
	if err != nil {
		return task.Arrays{}, fmt.Errorf("%s: %w", path, err)
	}
	// The model looks at the one that it reads.
	return task.Arrays{PixelValues: &x, InputValues: &x}, nil
}

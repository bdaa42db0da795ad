package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/tripartite-go/tripartite/model"
	"github.com/tripartite-go/tripartite/network"
	"github.com/tripartite-go/tripartite/zoo"
)

// source says which inputs are asked for.
type source struct {
	flag string // by which the user names them
	path string // what it was given, "" for nothing
	what string // they are called in errors: "text"
	// own returns those that a bundled model brings.
	own func(zoo.Model) zoo.Inputs
}

// tested and calibrating are the two kinds of inputs.
func tested(path string) source {
	return source{"--input", path, "text", func(m zoo.Model) zoo.Inputs { return m.Samples() }}
}

func calibrating(path string) source {
	return source{"--calibrate", path, "calibration text", func(m zoo.Model) zoo.Inputs { return m.Calibration() }}
}

// inputsFor returns what the user gives, a file of texts or else a file or folder
// of pictures or sounds, or, where the user gives nothing, what the model brings.
// A model of texts that brings none is given those of the default model, as far as
// they fit, with a note; one of pictures or sounds is given nothing in their place.
func (e *env) inputsFor(ctx context.Context, m modelFiles, net *network.Network, s source) (network.Inputs, error) {
	in := network.Inputs{What: s.what}
	var err error
	switch {
	case net.Model.Config().Input == model.Tokens:
		in.Texts, err = e.textsOf(ctx, m, net, s)
	case s.path != "":
		in.Open = e.open
		if isStream(s.path) {
			in.Files = []string{standardInput}
			in.Open, err = e.kept()
		} else {
			in.Files, err = expand([]string{s.path}, net.Preprocessor)
		}
	case m.bundled != nil:
		in.Files, in.Open, err = bundledFiles(s.own(*m.bundled).Files)
	case s.flag == "--calibrate":
		err = fmt.Errorf("%s brings no %s to calibrate on, and those that it is run on are not to be their own measure; give others by --calibrate FOLDER, or choose curves that need none: --tuning exp", m.name, kindOf(net))
	default:
		err = fmt.Errorf("%s brings no %s; give some by %s FOLDER", m.name, kindOf(net), s.flag)
	}
	return in, err
}

// kindOf names what a model reads.
func kindOf(net *network.Network) string {
	return [...]string{model.Tokens: "texts", model.Pixels: "pictures", model.Spectrogram: "sounds"}[net.Model.Config().Input]
}

// textsOf returns the texts of a model that reads texts.
func (e *env) textsOf(ctx context.Context, m modelFiles, net *network.Network, s source) ([]string, error) {
	switch {
	case s.path != "":
		if ext := strings.ToLower(filepath.Ext(s.path)); isFileOfInput(ext) {
			return nil, fmt.Errorf("%s: %s reads texts, one a line, and this is no file of texts; give one, or use a model of pictures or sounds", s.path, m.name)
		}
		return readTexts(ctx, e, s.path)
	case m.bundled != nil:
		return s.own(*m.bundled).Texts, nil
	}
	c := net.Model.Config()
	var fit []string
	for _, t := range s.own(zoo.Models()[0]).Texts {
		if c.Fits(len(net.Tokenizer.Encode(t))) {
			fit = append(fit, t)
		}
	}
	if fit == nil {
		return nil, fmt.Errorf("%s brings no texts, and the bundled verses do not fit into its %d positions; give texts like those that it was made for by %s TEXTS, one a line", m.name, c.Positions, s.flag)
	}
	e.warnf("%s brings no texts: bundled verses of the King James Bible take their place; give texts like those that it was made for by %s TEXTS", m.name, s.flag)
	return fit, nil
}

// isFileOfInput reports whether a name ends like that of a picture or a sound.
func isFileOfInput(extension string) bool {
	return slices.Contains([]string{".png", ".jpg", ".jpeg", ".webp", ".wav", ".flac"}, extension)
}

// open opens a file of the user's, or standard input.
func (e *env) open(name string) (io.ReadCloser, error) {
	if isStream(name) {
		return io.NopCloser(e.stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w; check the path", cause(err))
	}
	return f, nil
}

// kept reads standard input, which comes once, and opens it as often as asked.
func (e *env) kept() (func(string) (io.ReadCloser, error), error) {
	data, err := io.ReadAll(e.stdin)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; check that it can be read", standardInput, cause(err))
	}
	return func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }, nil
}

// bundledFiles returns the names of bundled files, and how they are opened.
func bundledFiles(files fs.FS) ([]string, func(string) (io.ReadCloser, error), error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, nil, err
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, func(name string) (io.ReadCloser, error) { return files.Open(name) }, nil
}

// expand puts, in the place of folders, the files in them and below that can be
// read, in the order of their names, those left out that begin with a dot. What is
// not there, or cannot be looked into, stays, and is named when it is opened.
func expand(in []string, p *network.Preprocessor) ([]string, error) {
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

// truth returns the right label of every file, -1 where it is not known. Of the
// user's files in a folder it is the subfolder that they lie in, FOLDER/LABEL/...,
// where that is called like a label; bundled files are named after theirs.
func truth(files []string, m modelFiles, s source, labels []string) []int {
	ids := map[string]int{}
	add := func(name string, id int) {
		if before, taken := ids[name]; taken && before != id {
			id = -1 // two labels that are called the same
		}
		ids[name] = id
	}
	for id, label := range labels {
		add(plainName(label), id)
		// Synonyms, as in "tench, Tinca tinca".
		if first, _, several := strings.Cut(label, ","); several {
			add(plainName(first), id)
		}
	}
	out := make([]int, len(files))
	for i, name := range files {
		out[i] = -1
		label := ""
		switch {
		case s.path == "" && m.bundled != nil:
			label = strings.TrimRight(strings.TrimSuffix(name, path.Ext(name)), "-0123456789")
		case s.path != "" && !isStream(s.path):
			if inside, err := filepath.Rel(s.path, name); err == nil {
				label, _, _ = strings.Cut(filepath.ToSlash(inside), "/")
				if label == filepath.ToSlash(inside) {
					continue // no subfolder
				}
			}
		}
		if id, known := ids[plainName(label)]; known && label != "" {
			out[i] = id
		}
	}
	return out
}

// plainName drops from a name all that is spelled in different ways: case, spaces,
// underscores, hyphens and other signs.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tripartite-go/tripartite/figure"
	"github.com/tripartite-go/tripartite/internal/atomicfile"
	"github.com/tripartite-go/tripartite/transfer"
)

// FigureDPI is the resolution of the PNG files that WriteDir writes, in dots per
// inch.
const FigureDPI = 300

// WriteDir writes report.json, report.html and the figures, each as PNG and SVG,
// into the folder dir, which it creates if need be. Every file is replaced only
// whole.
func WriteDir(dir string, r *transfer.Report) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("create folder for the report: %w; give a folder that can be written", err)
	}
	type file struct {
		name  string
		write func(io.Writer) error
	}
	files := []file{{"report.json", func(w io.Writer) error { return JSON(w, r) }}}
	for _, f := range []struct {
		name string
		*figure.Figure
	}{
		{"overview", figure.Overview(r)},
		{"circuit", figure.Circuit()},
		{"calcium", figure.Calcium(r.Token)},
		{"scaling", figure.Scaling(r.Scaling)},
		{"heads", figure.Heads(r.Layers)},
	} {
		files = append(files,
			file{f.name + ".svg", f.SVG},
			file{f.name + ".png", func(w io.Writer) error { return f.PNG(w, FigureDPI) }})
	}
	files = append(files, file{"report.html", func(w io.Writer) error { return HTML(w, r) }})
	for _, f := range files {
		if err := atomicfile.Write(filepath.Join(dir, f.name), f.write); err != nil {
			return err
		}
	}
	return nil
}

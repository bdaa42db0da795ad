package report

import (
	"context"
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
// into the folder dir, which it creates if need be. The files are replaced all
// together or, when one cannot be written or the context is done, not at all.
func WriteDir(ctx context.Context, dir string, r *transfer.Report) error {
	files, err := newFolder(dir, "report")
	if err != nil {
		return err
	}
	files.add("report.json", func(w io.Writer) error { return JSON(w, r) })
	type named struct {
		name string
		*figure.Figure
	}
	figures := []named{
		{"overview", figure.Overview(r)},
		{"circuit", figure.Circuit()},
		{"calcium", figure.Calcium(r.Chosen)},
		{"scaling", figure.Scaling(r.Scaling)},
		{"heads", figure.Heads(r.Layers)},
	}
	if len(r.Fidelity.Curves) > 0 {
		figures = append(figures, named{"fidelity", figure.Fidelity(r.Fidelity)})
	}
	if r.Timescales != nil {
		figures = append(figures, named{"timescales", figure.Timescales(*r.Timescales)})
	}
	if len(attendedRows(r)) > 0 {
		figures = append(figures,
			named{"attention", figure.Attention(r.Attended)},
			named{"attention-heads", figure.AttentionHeads(r.Attended)})
	}
	for _, f := range figures {
		files.addFigure(f.name, f.Figure)
	}
	files.add("report.html", func(w io.Writer) error { return HTML(w, r) })
	return files.write(ctx)
}

// folder is files that are to be written into a folder, all together or not at all.
type folder struct {
	dir   string
	files []atomicfile.File
}

// newFolder creates the folder for a report or a result if need be.
func newFolder(dir, what string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("create folder for the %s: %w; give a folder that can be written", what, err)
	}
	return &folder{dir: dir}, nil
}

func (f *folder) add(name string, write func(io.Writer) error) {
	f.files = append(f.files, atomicfile.File{Path: filepath.Join(f.dir, name), Write: write})
}

// addFigure adds a figure as PNG and SVG.
func (f *folder) addFigure(name string, x *figure.Figure) {
	f.add(name+".svg", x.SVG)
	f.add(name+".png", func(w io.Writer) error { return x.PNG(w, FigureDPI) })
}

// write replaces all files, unless the context is done before the last is begun.
func (f *folder) write(ctx context.Context) error {
	for i, file := range f.files {
		f.files[i].Write = func(w io.Writer) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return file.Write(w)
		}
	}
	return atomicfile.WriteAll(f.files...)
}

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
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("create folder for the report: %w; give a folder that can be written", err)
	}
	var files []atomicfile.File
	add := func(name string, write func(io.Writer) error) {
		files = append(files, atomicfile.File{Path: filepath.Join(dir, name), Write: func(w io.Writer) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return write(w)
		}})
	}
	add("report.json", func(w io.Writer) error { return JSON(w, r) })
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
		add(f.name+".svg", f.SVG)
		add(f.name+".png", func(w io.Writer) error { return f.PNG(w, FigureDPI) })
	}
	add("report.html", func(w io.Writer) error { return HTML(w, r) })
	return atomicfile.WriteAll(files...)
}

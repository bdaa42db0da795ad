package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/tripartite-go/tripartite/transfer"
)

// JSON writes the result as one indented JSON object. Numbers that are not
// defined are null.
func JSON(w io.Writer, r *transfer.Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // tokens such as <s> stay readable
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write report as JSON: %w", err)
	}
	return nil
}

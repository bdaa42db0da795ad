package task

import (
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/tripartite-go/tripartite/input/text"
)

// EndTokens returns the tokens that end a text: those that generation_config.json
// names, or else config.json, or else the tokenizer's EOS. There may be none.
func EndTokens(files fs.FS, t *text.Tokenizer) ([]int, error) {
	for _, name := range []string{"generation_config.json", "config.json"} {
		var c struct {
			End json.RawMessage `json:"eos_token_id"` // one or several
		}
		if _, err := readJSON(files, name, &c); err != nil {
			return nil, err
		}
		if len(c.End) == 0 || string(c.End) == "null" {
			continue
		}
		var one int
		if json.Unmarshal(c.End, &one) == nil {
			return []int{one}, nil
		}
		var several []int
		if err := json.Unmarshal(c.End, &several); err != nil {
			return nil, fmt.Errorf("%s: eos_token_id is %.100s, want the id of a token or a list of them; correct it", name, c.End)
		}
		return several, nil
	}
	if t == nil { // of a model that reads no texts
		return nil, nil
	}
	if end := t.Special().EOS; end >= 0 {
		return []int{end}, nil
	}
	return nil, nil
}

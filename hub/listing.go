package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const (
	weightsFile = "model.safetensors"
	indexFile   = "model.safetensors.index.json"
	weightsEnd  = ".safetensors"
)

// wanted are the files that are read of a model besides its weights, where it
// has them. README.md is the model's card, which states the licence.
var wanted = []string{
	"README.md", "added_tokens.json", "config.json", "config_sentence_transformers.json", "generation_config.json", "merges.txt",
	"modules.json", "preprocessor_config.json", "sentence_albert_config.json", "sentence_bert_config.json", "special_tokens_map.json",
	"tokenizer.json", "tokenizer_config.json", "vocab.json", "vocab.txt",
}

// sentenceModule is the configuration of a step of sentence-transformers after
// the network, such as 1_Pooling.
var sentenceModule = regexp.MustCompile(`^[0-9]+_[A-Za-z]+/config\.json$`)

// file is a file of a model on the hub.
type file struct {
	Name  string // with slashes
	Bytes int64
	Hash  string // sha256 of a large file, of others git's sha1
}

// contentHash is what a blob may be called.
var contentHash = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// known reports whether size and hash are. Mirrors may leave them out.
func (f file) known() bool { return f.Bytes >= 0 && contentHash.MatchString(f.Hash) }

// parseListing reads what the hub answers to /api/models/ID/revision/REVISION
// with blobs=true: the commit and all files.
func parseListing(data []byte) (commit string, files map[string]file, err error) {
	var answer struct {
		Commit string `json:"sha"`
		Files  []struct {
			Name  string `json:"rfilename"`
			Bytes *int64 `json:"size"`
			Hash  string `json:"blobId"`
			Large *struct {
				Bytes *int64 `json:"size"`
				Hash  string `json:"sha256"`
			} `json:"lfs"`
		} `json:"siblings"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return "", nil, fmt.Errorf("the answer is not the hub's list of files: %w", err)
	}
	if !commitHash.MatchString(answer.Commit) {
		return "", nil, errors.New("the answer is not the hub's list of files: it names no commit")
	}
	files = map[string]file{}
	for _, a := range answer.Files {
		if a.Large != nil {
			a.Bytes, a.Hash = a.Large.Bytes, a.Large.Hash
		}
		f := file{Name: a.Name, Bytes: -1, Hash: a.Hash}
		if a.Bytes != nil {
			f.Bytes = *a.Bytes
		}
		if _, twice := files[f.Name]; twice {
			return "", nil, fmt.Errorf("the hub lists %q twice", f.Name)
		}
		files[f.Name] = f
	}
	return answer.Commit, files, nil
}

// choose returns those of the files that are read, in order of their names, and
// the names of those that are looked for and not there. Of weights in several
// files it returns the index, which names them.
func choose(files map[string]file) (chosen []file, absent []string, err error) {
	if _, ok := files[configFile]; !ok {
		return nil, nil, fmt.Errorf("it has no %s, so it is no model of transformers; choose another", configFile)
	}
	names := slices.Clone(wanted)
	for name := range files {
		if sentenceModule.MatchString(name) {
			names = append(names, name)
		}
	}
	switch has := func(name string) bool { _, ok := files[name]; return ok }; {
	case has(weightsFile):
		names = append(names, weightsFile)
	case has(indexFile):
		names = append(names, indexFile)
	case has("pytorch_model.bin"), has("pytorch_model.bin.index.json"):
		return nil, nil, errors.New("it has weights in pytorch_model.bin only, which can run any program when it is read, and no model.safetensors; " +
			"look among its pull requests for one that adds it and name that with --revision refs/pr/NUMBER, or load the model with from_pretrained of transformers, write it with save_pretrained and give that folder")
	default:
		return nil, nil, fmt.Errorf("it has no weights in %s; choose another", weightsFile)
	}
	slices.Sort(names)
	for _, name := range names {
		if f, ok := files[name]; ok {
			chosen = append(chosen, f)
		} else {
			absent = append(absent, name)
		}
	}
	return chosen, absent, nil
}

// parseIndex returns the names of the files that the index of weights in several
// files names, in order.
func parseIndex(data []byte) ([]string, error) {
	var index struct {
		Map map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", indexFile, err)
	}
	names := map[string]bool{}
	for tensor, name := range index.Map {
		if !fs.ValidPath(name) || strings.ContainsAny(name, "/\\:\x00") || !strings.HasSuffix(name, weightsEnd) {
			return nil, fmt.Errorf("%s: tensor %q is said to lie in %q, which is no %s file beside it", indexFile, tensor, name, weightsEnd)
		}
		names[name] = true
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s names no files", indexFile)
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// shards returns the files of weights that an index names.
func shards(index []byte, files map[string]file) ([]file, error) {
	names, err := parseIndex(index)
	if err != nil {
		return nil, fmt.Errorf("%w; the model is damaged on the hub, choose another revision", err)
	}
	var chosen []file
	for _, name := range names {
		f, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("%s names %s, which the hub does not list; the model is damaged there, choose another revision", indexFile, name)
		}
		chosen = append(chosen, f)
	}
	return chosen, nil
}

package text

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// maxFileSize bounds what is read into memory. The largest tokenizer files in
// use, of vocabularies with 250,000 entries, hold some 30 MB.
const maxFileSize = 128 << 20

// Names of the files that a model's folder holds.
const (
	tokenizerFile   = "tokenizer.json"
	vocabularyFile  = "vocab.txt"
	vocabJSONFile   = "vocab.json"
	mergesFile      = "merges.txt"
	configFile      = "tokenizer_config.json"
	specialMapFile  = "special_tokens_map.json"
	addedTokensFile = "added_tokens.json"
)

// Open reads the tokenizer at a path: a tokenizer.json, or a folder as [Load]
// takes it.
func Open(path string) (*Tokenizer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer: %w; give a %s or a folder that holds one", err, tokenizerFile)
	}
	folder, name := path, ""
	if !info.IsDir() {
		folder, name = filepath.Split(path)
		if folder == "" {
			folder = "."
		}
	}
	fsys := os.DirFS(folder)
	var t *Tokenizer
	if name == "" {
		t, err = Load(fsys)
	} else {
		t, err = loadJSON(fsys, name)
	}
	if err != nil {
		return nil, fmt.Errorf("open tokenizer in %s: %w", filepath.Clean(folder), err)
	}
	return t, nil
}

// Load reads the tokenizer of a model's folder: tokenizer.json, or where there
// is none, vocab.txt as a BERT WordPiece vocabulary with the options of
// tokenizer_config.json (do_lower_case, strip_accents, tokenize_chinese_chars),
// or vocab.json and merges.txt as GPT-2's (add_prefix_space, add_bos_token).
// Which tokens are [MASK], [PAD] and so on is taken from tokenizer_config.json
// and special_tokens_map.json, and without them from the tokens' usual names.
func Load(fsys fs.FS) (*Tokenizer, error) {
	for _, f := range []struct {
		name string
		load func(fs.FS, string) (*Tokenizer, error)
	}{{tokenizerFile, loadJSON}, {vocabularyFile, loadVocabulary}, {vocabJSONFile, loadMerges}} {
		if _, err := fs.Stat(fsys, f.name); err == nil {
			return f.load(fsys, f.name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("load tokenizer: %w", err)
		}
	}
	return nil, fmt.Errorf("load tokenizer: none of %s, %s and %s found; "+
		"save the model's tokenizer beside its weights (in Python: tokenizer.save_pretrained(folder))", tokenizerFile, vocabularyFile, vocabJSONFile)
}

// readFile reads a whole file of bounded size.
func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(path.Clean(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxFileSize {
		return nil, fmt.Errorf("read %s: larger than %d MB, which no tokenizer is; check that it is the right file", name, maxFileSize>>20)
	}
	return data, nil
}

// Package preprocessor reads preprocessor_config.json, which says in a model's
// folder how pictures or sounds are prepared.
package preprocessor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// File is its name.
const File = "preprocessor_config.json"

const maxSize = 1 << 20

// Load reads the file in a model's folder and returns what parse makes of it.
// What is prepared, such as "sounds", is named where there is no such file.
func Load[T any](fsys fs.FS, what string, parse func(data []byte) (T, error)) (result T, err error) {
	f, err := fsys.Open(File)
	if errors.Is(err, fs.ErrNotExist) {
		return result, fmt.Errorf("no %s, which says how %s are prepared: get it from where the model is from", File, what)
	}
	if err != nil {
		return result, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return result, fmt.Errorf("%s: %w", File, err)
	}
	if len(data) > maxSize {
		return result, fmt.Errorf("%s has more than %d bytes: it is no such file", File, maxSize)
	}
	if result, err = parse(data); err != nil {
		return result, fmt.Errorf("%s: %w", File, err)
	}
	return result, nil
}

// Set overrides a default by what a field says, unless it is absent.
func Set[T any](to, field *T) {
	if field != nil {
		*to = *field
	}
}

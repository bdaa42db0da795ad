package network

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/tripartite-go/tripartite/safetensors"
)

// Checkpoint returns the SHA-256 of a model's configuration and weights, as they
// lie in its files. Memories and fitted tuning curves belong to it.
func Checkpoint(files fs.FS) (string, error) {
	c, err := safetensors.OpenCheckpoint(files)
	if err != nil {
		return "", fmt.Errorf("identity of the model: %w", err)
	}
	defer c.Close()
	sum := sha256.New()
	for _, name := range append([]string{"config.json"}, c.Files()...) {
		if err := hashFile(sum, files, name); err != nil {
			return "", fmt.Errorf("identity of the model: %s: %w", name, cause(err))
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func hashFile(sum io.Writer, files fs.FS, name string) error {
	f, err := files.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(sum, "%s %d\n", name, info.Size())
	_, err = io.Copy(sum, f)
	return err
}

// cause is what the operating system said, without operation and file name.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// TuningFile is the name of the file of fitted tuning curves in a model's folder.
const TuningFile = "tuning.safetensors"

// OpenTuningIn reads a file of tuning curves in a model's folder.
func OpenTuningIn(files fs.FS, name string) (*Tuning, error) {
	f, err := safetensors.OpenFS(files, name)
	if err != nil {
		return nil, fmt.Errorf("tuning curves: %w", err)
	}
	defer f.Close()
	t, err := ReadTuning(f)
	if err != nil {
		return nil, fmt.Errorf("tuning curves %s: %w", name, err)
	}
	return t, nil
}

// Fingerprint identifies the curves of all heads, wherever they are stored.
func (t *Tuning) Fingerprint() string {
	sum := sha256.New()
	for l, layer := range t.curves {
		for h, c := range layer {
			fmt.Fprintf(sum, "%d.%d %s\n", l, h, c.Fingerprint())
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

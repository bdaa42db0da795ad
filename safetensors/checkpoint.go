package safetensors

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// The names that Hugging Face gives to a checkpoint's files.
const (
	singleFile = "model.safetensors"
	indexFile  = "model.safetensors.index.json"
)

// Checkpoint is all the tensors of a model's folder: one file, or the shards
// that an index lists.
type Checkpoint struct {
	shards  []*File // in name order
	tensors []Info  // in name order
	owner   map[string]*File
}

// OpenCheckpoint opens and checks model.safetensors in fsys or, where there is
// none, all shards that model.safetensors.index.json names. The index and the
// shards must agree tensor by tensor. Errors give names relative to fsys.
func OpenCheckpoint(fsys fs.FS) (*Checkpoint, error) {
	c := &Checkpoint{owner: map[string]*File{}}
	shardOf, err := findShards(fsys)
	if err != nil {
		return nil, err
	}
	if shardOf == nil {
		err = c.add(fsys, singleFile)
	} else {
		err = c.addShards(fsys, shardOf)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	slices.SortFunc(c.tensors, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return c, nil
}

// findShards returns the shard of every tensor, or nil for a single file.
func findShards(fsys fs.FS) (map[string]string, error) {
	if _, err := fs.Stat(fsys, singleFile); !errors.Is(err, fs.ErrNotExist) {
		return nil, nil // other errors show again when the file is opened
	}
	text, err := readIndex(fsys)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is neither %s nor %s; older weights are converted with save_pretrained(FOLDER, safe_serialization=True) of transformers", singleFile, indexFile)
	}
	if err == nil {
		var shardOf map[string]string
		if shardOf, err = parseIndex(text); err == nil {
			return shardOf, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", indexFile, reason(err))
}

// readIndex reads the index, which is held to the limit of a header.
func readIndex(fsys fs.FS) ([]byte, error) {
	file, err := fsys.Open(indexFile)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxHeaderBytes+1))
	if len(text) > maxHeaderBytes {
		err = fmt.Errorf("it is larger than %d bytes; check that this is the right file", maxHeaderBytes)
	}
	return text, err
}

// parseIndex returns the weight map: tensor name to name of a shard.
func parseIndex(text []byte) (map[string]string, error) {
	shardOf := map[string]string{}
	p := newObjectParser(text)
	err := p.object("the index", func(key string) error {
		if key != "weight_map" {
			return p.skip()
		}
		return p.object("weight_map", func(tensor string) error {
			shard, err := p.string(fmt.Sprintf("the shard of tensor %q", tensor))
			if err == nil && (!fs.ValidPath(shard) || shard == "." || strings.ContainsAny(shard, `\:`)) {
				err = fmt.Errorf("tensor %q: %q is no file inside the model's folder; correct the weight_map", tensor, shard)
			}
			shardOf[tensor] = shard
			return err
		})
	})
	if err == nil {
		err = p.end()
	}
	if err == nil && len(shardOf) == 0 {
		err = corrupt("it has no weight_map")
	}
	return shardOf, err
}

// add opens one file and takes all its tensors.
func (c *Checkpoint) add(fsys fs.FS, name string) error {
	f, err := OpenFS(fsys, name)
	if err != nil {
		return err
	}
	c.shards = append(c.shards, f)
	for _, t := range f.tensors {
		if other, ok := c.owner[t.Name]; ok {
			return fmt.Errorf("%s: tensor %q is in %s too; keep it in the shard that %s names", name, t.Name, other.name, indexFile)
		}
		c.owner[t.Name] = f
		c.tensors = append(c.tensors, t)
	}
	return nil
}

// addShards opens all shards and compares what they hold with the index.
func (c *Checkpoint) addShards(fsys fs.FS, shardOf map[string]string) error {
	for _, shard := range slices.Compact(slices.Sorted(maps.Values(shardOf))) {
		err := c.add(fsys, shard)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s names the shard %s, which is missing; download it into the same folder: %w", indexFile, shard, fs.ErrNotExist)
		}
		if err != nil {
			return err
		}
	}
	for _, tensor := range slices.Sorted(maps.Keys(shardOf)) {
		switch f := c.owner[tensor]; {
		case f == nil:
			return fmt.Errorf("%s: there is no tensor %q, which %s says is here; download both files again", shardOf[tensor], tensor, indexFile)
		case f.name != shardOf[tensor]:
			return fmt.Errorf("%s: tensor %q is here, but %s says it is in %s; download the files again", f.name, tensor, indexFile, shardOf[tensor])
		}
	}
	for _, f := range c.shards {
		for _, t := range f.tensors {
			if _, ok := shardOf[t.Name]; !ok {
				return fmt.Errorf("%s: tensor %q is not in the weight_map of %s; download both files again", f.name, t.Name, indexFile)
			}
		}
	}
	return nil
}

// Files returns the names of the files, in order.
func (c *Checkpoint) Files() []string {
	names := make([]string, len(c.shards))
	for i, f := range c.shards {
		names[i] = f.name
	}
	return names
}

// Close closes all files.
func (c *Checkpoint) Close() error {
	var errs []error
	for _, f := range c.shards {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Tensors lists the tensors of all files in name order.
func (c *Checkpoint) Tensors() []Info {
	return slices.Clone(c.tensors)
}

// Info describes the named tensor; ok is false when no file has it.
func (c *Checkpoint) Info(name string) (info Info, ok bool) {
	f, ok := c.owner[name]
	if !ok {
		return Info{}, false
	}
	return f.Info(name)
}

// Metadata returns the free-form texts of all files' headers, by key; where
// files differ, the first in name order counts.
func (c *Checkpoint) Metadata() map[string]string {
	all := map[string]string{}
	for _, f := range slices.Backward(c.shards) {
		maps.Copy(all, f.metadata)
	}
	return all
}

// Bytes is [File.Bytes] for the file that holds the tensor.
func (c *Checkpoint) Bytes(name string) ([]byte, error) {
	f, err := c.find(name)
	if err != nil {
		return nil, err
	}
	return f.Bytes(name)
}

// Float32 is [File.Float32] for the file that holds the tensor.
func (c *Checkpoint) Float32(name string) ([]float32, error) {
	f, err := c.find(name)
	if err != nil {
		return nil, err
	}
	return f.Float32(name)
}

// ReadFloat32 is [File.ReadFloat32] for the file that holds the tensor.
func (c *Checkpoint) ReadFloat32(dst []float32, name string, from int) error {
	f, err := c.find(name)
	if err != nil {
		return err
	}
	return f.ReadFloat32(dst, name, from)
}

// Float64 is [File.Float64] for the file that holds the tensor.
func (c *Checkpoint) Float64(name string) ([]float64, error) {
	f, err := c.find(name)
	if err != nil {
		return nil, err
	}
	return f.Float64(name)
}

// Int64 is [File.Int64] for the file that holds the tensor.
func (c *Checkpoint) Int64(name string) ([]int64, error) {
	f, err := c.find(name)
	if err != nil {
		return nil, err
	}
	return f.Int64(name)
}

func (c *Checkpoint) find(name string) (*File, error) {
	f, ok := c.owner[name]
	if !ok {
		names := make([]string, len(c.shards))
		for i, f := range c.shards {
			names[i] = f.name
		}
		return nil, fmt.Errorf("there is no tensor %q in %s", name, strings.Join(names, ", "))
	}
	return f, nil
}

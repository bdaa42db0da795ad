package safetensors

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// shard returns a file in which every named tensor holds its number.
func shard(t *testing.T, names ...string) *fstest.MapFile {
	t.Helper()
	var tensors []Tensor
	for i, name := range names {
		tensors = append(tensors, New(name, []int{1}, []float32{float32(i)}))
	}
	return &fstest.MapFile{Data: written(t, tensors, map[string]string{"format": "pt"})}
}

func index(text string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(text)}
}

func TestACheckpointInOneFile(t *testing.T) {
	c, err := OpenCheckpoint(fstest.MapFS{
		"model.safetensors":            shard(t, "a", "b"),
		"model.safetensors.index.json": index("never read"),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := c.Float32("b"); err != nil || !slices.Equal(got, []float32{1}) {
		t.Errorf("b is %v (%v), want [1]", got, err)
	}
	if got, err := c.Float64("b"); err != nil || !slices.Equal(got, []float64{1}) {
		t.Errorf("b is %v (%v), want [1]", got, err)
	}
	if got, err := c.Bytes("b"); err != nil || !slices.Equal(got, []byte{0, 0, 0x80, 0x3f}) {
		t.Errorf("b is %v (%v), want 1 in float32", got, err)
	}
	if _, err := c.Int64("b"); err == nil || !strings.Contains(err.Error(), `model.safetensors: tensor "b": its type F32`) {
		t.Errorf("error %v", err)
	}
	if !maps.Equal(c.Metadata(), map[string]string{"format": "pt"}) {
		t.Errorf("metadata %v", c.Metadata())
	}
	for what, read := range map[string]func(string) error{
		"Float32": func(name string) error { _, err := c.Float32(name); return err },
		"Float64": func(name string) error { _, err := c.Float64(name); return err },
		"Int64":   func(name string) error { _, err := c.Int64(name); return err },
		"Bytes":   func(name string) error { _, err := c.Bytes(name); return err },
	} {
		if err := read("c"); err == nil || err.Error() != `there is no tensor "c" in model.safetensors` {
			t.Errorf("%s: error %v", what, err)
		}
	}
	if _, ok := c.Info("c"); ok {
		t.Error("c was found")
	}
}

func TestAnInconsistentCheckpointIsRefused(t *testing.T) {
	const both = `{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}`
	one, two := shard(t, "a"), shard(t, "b")
	escape := func(path string) *fstest.MapFile {
		return index(fmt.Sprintf(`{"weight_map":{"a":%q}}`, path))
	}
	for _, test := range []struct {
		what       string
		index      *fstest.MapFile
		first      *fstest.MapFile
		second     *fstest.MapFile
		want, also string
	}{
		{"nothing there", nil, nil, nil, "there is neither model.safetensors nor model.safetensors.index.json", "save_pretrained"},
		{"a shard missing", index(both), one, nil, "model.safetensors.index.json names the shard 2.safetensors, which is missing", "download it into the same folder"},
		{"a shard truncated", index(both), one, &fstest.MapFile{Data: two.Data[:len(two.Data)-1]}, "2.safetensors: truncated", "download or copy it again"},
		{"a tensor that its shard lacks", index(`{"weight_map":{"a":"1.safetensors","b":"2.safetensors","c":"2.safetensors"}}`), one, two, `2.safetensors: there is no tensor "c", which model.safetensors.index.json says is here`, "download both files again"},
		{"a tensor in another shard", index(`{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}`), shard(t, "b"), shard(t, "a"), `2.safetensors: tensor "a" is here, but model.safetensors.index.json says it is in 1.safetensors`, "download the files again"},
		{"a tensor that is not in the map", index(both), one, shard(t, "b", "c"), `2.safetensors: tensor "c" is not in the weight_map of model.safetensors.index.json`, "download both files again"},
		{"a tensor in two shards", index(both), one, shard(t, "a", "b"), `2.safetensors: tensor "a" is in 1.safetensors too`, "keep it in the shard"},
		{"a path upwards", escape("../1.safetensors"), one, two, `model.safetensors.index.json: tensor "a": "../1.safetensors" is no file inside the model's folder`, "correct the weight_map"},
		{"a path that goes down and up", escape("x/../../1.safetensors"), one, two, "is no file inside the model's folder", ""},
		{"an absolute path", escape("/etc/passwd"), one, two, `"/etc/passwd" is no file inside`, ""},
		{"a path of Windows", escape(`..\1.safetensors`), one, two, "is no file inside", ""},
		{"a drive of Windows", escape(`C:1.safetensors`), one, two, "is no file inside", ""},
		{"the folder itself", escape("."), one, two, "is no file inside", ""},
		{"no path", escape(""), one, two, "is no file inside", ""},
		{"a tensor twice in the map", index(`{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}`), one, two, `model.safetensors.index.json: weight_map names "a" twice`, "download it again"},
		{"a shard that is a number", index(`{"weight_map":{"a":1}}`), one, two, `the shard of tensor "a" is no string`, ""},
		{"no map", index(`{"metadata":{"total_size":8}}`), one, two, "model.safetensors.index.json: it has no weight_map", ""},
		{"an empty map", index(`{"weight_map":{}}`), one, two, "it has no weight_map", ""},
		{"broken JSON", index(`{"weight_map":{"a"`), one, two, "model.safetensors.index.json: bad JSON near byte", ""},
		{"text after the map", index(both + "}"), one, two, "text follows the JSON object", ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			fsys := fstest.MapFS{}
			for name, f := range map[string]*fstest.MapFile{indexFile: test.index, "1.safetensors": test.first, "2.safetensors": test.second} {
				if f != nil {
					fsys[name] = f
				}
			}
			_, err := OpenCheckpoint(fsys)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.also) {
				t.Errorf("error %q\nwant %q and %q", err, test.want, test.also)
			}
		})
	}
}

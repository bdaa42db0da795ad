package hub

// KnownModel is a model on the hub.
type KnownModel struct {
	ID      string // with @REVISION where main will not do
	Kind    string // model_type of its config.json
	Bytes   int64  // of the weights, as the hub rounds it
	Licence string // as its page states it
	Summary string
}

// Known lists some models on the hub that people start with. Sizes and licences
// are those of the lists of files at huggingface.co/ID/tree/REVISION, from stored
// copies of these pages read on 2026-11-25; numbers of parameters are given where
// the model's card states one. Of DeiT only a pull request has model.safetensors.
func Known() []KnownModel {
	const apache = "apache-2.0"
	return []KnownModel{
		{"sentence-transformers/all-MiniLM-L6-v2", "bert", 90_900_000, apache, "vectors of sentences, English"},
		{"google-bert/bert-base-uncased", "bert", 440_000_000, apache, "masked language model, English"},
		{"albert/albert-base-v2", "albert", 47_400_000, apache, "masked language model, English"},
		{"distilbert/distilgpt2", "gpt2", 353_000_000, apache, "language model, English, 82 million parameters"},
		{"openai-community/gpt2", "gpt2", 548_000_000, "mit", "language model, English, 124 million parameters"},
		{"bigscience/bloom-560m", "bloom", 1_120_000_000, "bigscience-bloom-rail-1.0", "language model, 48 languages, ALiBi"},
		{"google/vit-base-patch16-224", "vit", 346_000_000, apache, "images, classes of ImageNet"},
		{"facebook/deit-tiny-patch16-224@refs/pr/3", "vit", 22_900_000, apache, "images, classes of ImageNet"},
		{"facebook/deit-tiny-distilled-patch16-224@refs/pr/3", "deit", 23_700_000, apache, "images, classes of ImageNet, distilled"},
		{"MIT/ast-finetuned-audioset-10-10-0.4593", "audio-spectrogram-transformer", 346_000_000, "bsd-3-clause", "sounds, classes of AudioSet"},
	}
}

package hub

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// defaultEndpoint is the hub itself; HF_ENDPOINT names another, such as a mirror.
const defaultEndpoint = "https://huggingface.co"

// cacheFolder follows the variables that huggingface_hub documents, and the
// older name of the first.
func cacheFolder() (string, error) {
	if path := cmp.Or(os.Getenv("HF_HUB_CACHE"), os.Getenv("HUGGINGFACE_HUB_CACHE")); path != "" {
		return expand(path)
	}
	home, err := homeFolder()
	return filepath.Join(home, "hub"), err
}

// homeFolder is where all of Hugging Face's programs keep what is theirs.
func homeFolder() (string, error) {
	if path := os.Getenv("HF_HOME"); path != "" {
		return expand(path)
	}
	above, err := expand(cmp.Or(os.Getenv("XDG_CACHE_HOME"), filepath.Join("~", ".cache")))
	return filepath.Join(above, "huggingface"), err
}

// expand replaces a leading tilde and variables that are set, as huggingface_hub
// does.
func expand(path string) (string, error) {
	path = os.Expand(path, func(name string) string {
		if value, ok := os.LookupEnv(name); ok {
			return value
		}
		return "$" + name
	})
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && !os.IsPathSeparator(rest[0]) {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("the Hugging Face cache was not found: %w; set HF_HUB_CACHE to its folder", err)
	}
	return filepath.Join(home, rest), nil
}

// offline reports whether the user forbids the network.
func offline() bool {
	value := cmp.Or(os.Getenv("HF_HUB_OFFLINE"), os.Getenv("TRANSFORMERS_OFFLINE"))
	return slices.Contains([]string{"1", "ON", "YES", "TRUE"}, strings.ToUpper(value))
}

// endpoint returns the address of the hub, without a slash at its end.
func endpoint() (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(cmp.Or(os.Getenv("HF_ENDPOINT"), defaultEndpoint), "/"))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		// The value may hold a password, so it is not repeated.
		return nil, fmt.Errorf("HF_ENDPOINT is not the address of a hub; set it to one such as %s, or unset it", defaultEndpoint)
	}
	return u, nil
}

// token returns what identifies the user to the hub: HF_TOKEN, or what "hf auth
// login" wrote. It is empty for somebody unknown.
func token() (string, error) {
	from, text := "HF_TOKEN", cmp.Or(os.Getenv("HF_TOKEN"), os.Getenv("HUGGING_FACE_HUB_TOKEN"))
	if text == "" {
		path := os.Getenv("HF_TOKEN_PATH")
		if path == "" {
			home, err := homeFolder()
			if err != nil {
				return "", nil // no home, no file
			}
			path = filepath.Join(home, "token")
		}
		path, err := expand(path)
		if err != nil {
			return "", nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return "", nil // public models need none; the hub says when it wants one
		}
		from, text = path, string(data)
	}
	text = strings.TrimSpace(text)
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s does not hold a token, but text with spaces or other characters; copy one from %s/settings/tokens", from, defaultEndpoint)
	}
	return text, nil
}

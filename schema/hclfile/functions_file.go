package hclfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// maxFile is how many bytes the function file reads.
const maxFile = 16 << 20

// fileFunction is file: the text of a file inside dir.
func fileFunction(dir string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			text, err := readInside(dir, args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(text), nil
		},
	})
}

// fileExistsFunction is fileexists: whether file could read there.
func fileExistsFunction(dir string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			_, err := statInside(dir, args[0].AsString(), func(*os.Root, string) error { return nil })
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return cty.False, nil
			case err != nil:
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.True, nil
		},
	})
}

// statInside finds a regular file in dir and calls then with it while the
// directory is open. Neither .. nor an absolute path nor a symbolic link leads
// out: the configuration may come from somebody who must not read the machine
// that plans it.
func statInside(dir, path string, then func(root *os.Root, name string) error) (fs.FileInfo, error) {
	name := filepath.FromSlash(path)
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("%q is not inside the configuration directory; only relative paths in it can be read", path)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%q in the configuration directory: %w", path, fs.ErrNotExist)
	case err != nil:
		// Root.Stat has one error for links that lead out, without a type.
		return nil, fmt.Errorf("%q cannot be read inside the configuration directory: %w", path, reason(err))
	case info.IsDir():
		return nil, fmt.Errorf("%q is a directory, not a file", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q is not a regular file", path)
	}
	return info, then(root, name)
}

// reason is what went wrong, without the path that the caller names.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func readInside(dir, path string) (text string, err error) {
	_, err = statInside(dir, path, func(root *os.Root, name string) error {
		file, err := root.Open(name)
		if err != nil {
			return fmt.Errorf("%q cannot be read: %w", path, reason(err))
		}
		defer file.Close()
		content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
		switch {
		case err != nil:
			return fmt.Errorf("%q cannot be read: %w", path, reason(err))
		case len(content) > maxFile:
			return fmt.Errorf("%q is larger than %d bytes, the most that is read", path, maxFile)
		case !utf8.Valid(content), bytes.IndexByte(content, 0) >= 0:
			return fmt.Errorf("%q is not UTF-8 text", path)
		}
		text = string(content)
		return nil
	})
	return text, err
}

package plan

import (
	"iter"
	"unicode/utf8"
)

// Contents are bytes of files by their digest. Edits and digests decide all
// that apply does; whole files are for people who judge a plan where the hosts
// cannot be reached, and a plan holds them only if it is asked to.
type Contents map[Digest][]byte

// digests are those of the files that the plan changes or rests on, as they were
// read.
func (d Decision) digests() iter.Seq2[string, Digest] {
	return func(yield func(string, Digest) bool) {
		for _, f := range d.Files {
			if f.Before != "" && !yield(f.Path, f.Before) {
				return
			}
		}
		for _, on := range d.DependsOn {
			if !on.Folder && on.Before != "" && !yield(on.Path, on.Before) {
				return
			}
		}
	}
}

// keepContents adds the files of a host on which something changes.
func (p *Plan) keepContents(d Decision, o *Observed) {
	if len(d.Files) == 0 {
		return
	}
	if p.Contents == nil {
		p.Contents = Contents{}
	}
	for path, digest := range d.digests() {
		if _, held := p.Contents[digest]; !held {
			p.Contents[digest] = o.Files[path].Bytes
		}
	}
}

// Text returns the file with a digest, as a host had it or as the edits leave
// it, if the plan holds what that takes.
func (p *Plan) Text(digest Digest) (content []byte, held bool) {
	if content, held := p.Contents[digest]; held {
		return content, true
	}
	for _, h := range p.Hosts {
		for _, f := range h.Files() {
			before, held := p.Contents[f.Before]
			if f.After != digest || !held && f.Before != "" {
				continue
			}
			if after, err := Replay(before, f.Edits); err == nil && Sum(after) == digest {
				return after, true
			}
		}
	}
	return nil, false
}

// A blobRecord is the content of a file. It stands before the first host that
// needs it, once in a plan, and takes no part in the plan's ID.
type blobRecord struct {
	Record string `json:"record"`
	SHA256 Digest `json:"sha256"`
	Text   string `json:"text,omitempty"`
	Bytes  []byte `json:"bytes,omitempty"` // where it is not UTF-8
}

func newBlobRecord(digest Digest, content []byte) blobRecord {
	if utf8.Valid(content) {
		return blobRecord{Record: "blob", SHA256: digest, Text: string(content)}
	}
	return blobRecord{Record: "blob", SHA256: digest, Bytes: content}
}

func (r blobRecord) content() []byte { return append([]byte(r.Text), r.Bytes...) }

// contents writes what a host needs and no host before it needed.
func (w *recordWriter) contents(held Contents, d Decision) error {
	for _, digest := range d.digests() {
		content, ok := held[digest]
		if !ok || w.blobs[digest] {
			continue
		}
		if err := w.blob(digest, content); err != nil {
			return err
		}
	}
	return nil
}

func (w *recordWriter) blob(digest Digest, content []byte) error {
	w.blobs[digest] = true
	return w.put(newBlobRecord(digest, content))
}

// blob reads a content and checks that it is what its digest says.
func (d *decoder) blob(line []byte) error {
	var r blobRecord
	if err := d.decode(line, &r); err != nil {
		return err
	}
	content := r.content()
	switch {
	case Sum(content) != r.SHA256:
		return d.wrong("a content is not what its digest says")
	case d.spelled.blobs[r.SHA256]:
		return d.wrong("a content stands twice")
	}
	if d.blobs == nil {
		d.blobs = Contents{}
	}
	d.blobs[r.SHA256] = content
	return d.same(line, d.spelled.blob(r.SHA256, content))
}

// takeBlobs checks that the contents before a host are its own, and that its
// edits make of them what they promise.
func (d *decoder) takeBlobs() error {
	needed := map[Digest]bool{}
	for _, digest := range d.decision.digests() {
		needed[digest] = true
	}
	for digest, content := range d.blobs {
		if !needed[digest] {
			return d.wrong("a content belongs to no file of the host behind it")
		}
		if d.kept != nil {
			d.kept[digest] = content
		}
	}
	for _, f := range d.decision.Files {
		before, held := d.blobs[f.Before]
		if !held || f.After == "" {
			continue
		}
		after, err := Replay(before, f.Edits)
		if err != nil {
			return d.wrong(err.Error())
		}
		if Sum(after) != f.After {
			return d.wrong("the edits of " + f.Path + " do not make the file that the plan promises")
		}
	}
	d.blobs = nil
	return nil
}

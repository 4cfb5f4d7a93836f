// Verifies a bundle of evidence (`sluice audit bundle`) with software that knows nothing of this
// project: the form is read here anew, notes, leaves and proofs are checked by golang.org/x/mod's
// sumdb packages. What these have no function for, the proof of neighbors, is folded by their
// hashes; of one entry it is their inclusion proof, of two checkpoints their consistency proof.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type bundle struct {
	rest     []byte
	verifier note.Verifier
	tree     tlog.Tree
	entries  int64
	first    int64 // entry
	gap      bool  // between entries
	opened   bool  // each entry has what opens its commitment
}

// line takes the next line, which must begin with word, and gives what follows it.
func (b *bundle) line(word string) ([]string, error) {
	end := bytes.IndexByte(b.rest, '\n')
	if end < 0 {
		return nil, errors.New("the bundle is cut off")
	}
	text := string(b.rest[:end])
	if !strings.HasPrefix(text, word+" ") {
		return nil, fmt.Errorf("%q stands where %q should", text, word)
	}
	b.rest = b.rest[end+1:]
	return strings.Split(text[len(word)+1:], " "), nil
}

func (b *bundle) next(word string) bool { return bytes.HasPrefix(b.rest, []byte(word+" ")) }

// take gives so many bytes, and the line feed after them is gone.
func (b *bundle) take(count string) ([]byte, error) {
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n >= len(b.rest) || b.rest[n] != '\n' {
		return nil, fmt.Errorf("no %s bytes follow", count)
	}
	taken := b.rest[:n]
	b.rest = b.rest[n+1:]
	return taken, nil
}

func parseHash(text string) (hash tlog.Hash, err error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != tlog.HashSize {
		return hash, fmt.Errorf("%q is no hash", text)
	}
	copy(hash[:], raw)
	return hash, nil
}

func (b *bundle) hashes() ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for b.next("hash") {
		parts, err := b.line("hash")
		if err != nil {
			return nil, err
		}
		hash, err := parseHash(parts[0])
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

func (b *bundle) checkpoint(word string) (tree tlog.Tree, err error) {
	parts, err := b.line(word)
	if err != nil {
		return tree, err
	}
	text, err := b.take(parts[0])
	if err != nil {
		return tree, err
	}
	signed, err := note.Open(text, note.VerifierList(b.verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != b.verifier.Name() {
		return tree, errors.New("a checkpoint has not three lines, or another origin")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = parseHash(lines[2])
	return tree, err
}

// fold is the root over leaves that stand at first and after it.
func fold(leaves []tlog.Hash, first, size int64, proof []tlog.Hash) (root tlog.Hash, err error) {
	pop := func() tlog.Hash {
		if len(proof) == 0 {
			err = errors.New("a proof is too short")
			return tlog.Hash{}
		}
		hash := proof[0]
		proof = proof[1:]
		return hash
	}
	row := leaves
	for last := size - 1; last > 0 && err == nil; last /= 2 {
		if first%2 == 1 {
			row = append([]tlog.Hash{pop()}, row...)
			first--
		}
		if end := first + int64(len(row)) - 1; end%2 == 0 && end < last {
			row = append(row[:len(row):len(row)], pop())
		}
		var above []tlog.Hash
		for ; len(row) > 1; row = row[2:] {
			above = append(above, tlog.NodeHash(row[0], row[1]))
		}
		row = append(above, row...)
		first /= 2
	}
	if err == nil && len(proof) > 0 {
		err = errors.New("a proof is too long")
	}
	if err != nil || len(row) != 1 {
		return root, fmt.Errorf("%d rows are left: %v", len(row), err)
	}
	return row[0], nil
}

// opening takes what opens an entry's commitment to its subjects, where the bundle has that.
func (b *bundle) opening(body []byte) error {
	if !b.opened {
		return nil
	}
	parts, err := b.line("opening")
	if err != nil || len(parts) != 2 {
		return fmt.Errorf("no opening: %v", err)
	}
	digest := sha256.New()
	digest.Write([]byte("bm1"))
	for _, part := range parts {
		raw, err := base64.StdEncoding.DecodeString(part)
		if err != nil {
			return err
		}
		digest.Write(raw)
	}
	commitment := base64.StdEncoding.EncodeToString(digest.Sum(nil))
	if !bytes.Contains(body, []byte(`"commit":"`+commitment+`"`)) {
		return errors.New("it commits to something else")
	}
	return nil
}

func (b *bundle) run() error {
	parts, err := b.line("run")
	if err != nil {
		return err
	}
	if len(parts) != 2 {
		return errors.New("a run has not two numbers")
	}
	first, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return err
	}
	count, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || first < 0 || count < 1 || count > b.tree.N || first > b.tree.N-count {
		return errors.New("a run is not in the log")
	}
	proof, err := b.hashes()
	if err != nil {
		return err
	}
	var leaves []tlog.Hash
	for i := int64(0); i < count; i++ {
		parts, err := b.line("entry")
		if err != nil {
			return err
		}
		if len(parts) != 3 || parts[0] != strconv.FormatInt(first+i, 10) {
			return fmt.Errorf("entry %d does not stand in its place", first+i)
		}
		body, err := b.take(parts[1])
		if err != nil {
			return err
		}
		leaf, err := parseHash(parts[2])
		if err != nil {
			return err
		}
		if tlog.RecordHash(body) != leaf {
			return fmt.Errorf("entry %d is not what its leaf says", first+i)
		}
		leaves = append(leaves, leaf)
		if err := b.opening(body); err != nil {
			return fmt.Errorf("entry %d: %w", first+i, err)
		}
	}
	if b.entries == 0 {
		b.first = first
	}
	b.gap = b.gap || first != b.first+b.entries
	b.entries += count
	if count == 1 {
		return tlog.CheckRecord(proof, b.tree.N, b.tree.Hash, first, leaves[0])
	}
	root, err := fold(leaves, first, b.tree.N, proof)
	if err == nil && root != b.tree.Hash {
		err = errors.New("another root than the checkpoint's")
	}
	if err != nil {
		return fmt.Errorf("entries from %d on: %w", first, err)
	}
	return nil
}

// verifyBundle takes a range, what a filter chose, or one person's disclosures.
func verifyBundle(path string) (*bundle, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b := &bundle{rest: text}
	if _, err := b.line("sluice evidence bundle"); err != nil {
		return nil, err
	}
	vkey, err := b.line("vkey")
	if err != nil {
		return nil, err
	}
	if b.verifier, err = note.NewVerifier(vkey[0]); err != nil {
		return nil, err
	}
	scope := "selection"
	if b.next("range") {
		scope = "range"
	}
	bounds, err := b.line(scope)
	if err != nil {
		return nil, err
	}
	for b.next("filter") {
		if _, err := b.line("filter"); err != nil {
			return nil, err
		}
	}
	if b.next("subject") {
		if _, err := b.line("subject"); err != nil {
			return nil, err
		}
		if b.opened = b.next("ordinals"); b.opened {
			if _, err := b.line("ordinals"); err != nil {
				return nil, err
			}
		}
	}
	if b.tree, err = b.checkpoint("checkpoint"); err != nil {
		return nil, err
	}
	if b.next("earlier") {
		earlier, err := b.checkpoint("earlier")
		if err != nil {
			return nil, err
		}
		proof, err := b.hashes()
		if err != nil {
			return nil, err
		}
		if err := tlog.CheckTree(proof, b.tree.N, b.tree.Hash, earlier.N, earlier.Hash); err != nil {
			return nil, err
		}
	}
	for b.next("run") {
		if err := b.run(); err != nil {
			return nil, err
		}
	}
	begin, err := strconv.ParseInt(bounds[0], 10, 64)
	if err != nil || len(bounds) != 2 {
		return nil, fmt.Errorf("%q is no range", bounds)
	}
	whole := !b.gap && b.first == begin && bounds[1] == strconv.FormatInt(begin+b.entries, 10)
	if scope == "range" && !whole {
		return nil, fmt.Errorf("a range of %v has %d entries from %d on", bounds, b.entries, b.first)
	}
	digested := sha256.Sum256(text[:len(text)-len(b.rest)])
	digest, err := b.line("sha256")
	if err != nil {
		return nil, err
	}
	if digest[0] != base64.StdEncoding.EncodeToString(digested[:]) || len(b.rest) > 0 {
		return nil, errors.New("the digest is of other bytes")
	}
	return b, nil
}

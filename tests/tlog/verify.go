// Verifies a log's directory with software that knows nothing of this project: golang.org/x/mod's
// sumdb packages check the note, the tiles and the proofs. Usage:
//
//	verify DIRECTORY [HELD]
//	verify BUNDLE
//
// HELD is a checkpoint that was held from before, which the log must continue. Prints the origin and
// the size, or says what is wrong and ends with 1.
package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

// directory reads tiles where C2SP tlog-tiles puts them: the packages' own paths have the tile
// height before the level, and these do not.
type directory string

func (d directory) Height() int { return tileHeight }

func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}

func (d directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		path := "tile/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight))
		bytes, err := os.ReadFile(filepath.Join(string(d), path))
		if err != nil {
			return nil, err
		}
		if len(bytes) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes", path, len(bytes))
		}
		data = append(data, bytes)
	}
	return data, nil
}

// entries splits the bundle of leaf tile n, which has w entries.
func (d directory) entries(n int64, w int) ([][]byte, error) {
	path := tlog.Tile{H: tileHeight, L: 0, N: n, W: w}.Path()
	path = "tile/entries/" + strings.TrimPrefix(path, fmt.Sprintf("tile/%d/0/", tileHeight))
	bundle, err := os.ReadFile(filepath.Join(string(d), path))
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(bundle) > 0 {
		if len(bundle) < 2 {
			return nil, fmt.Errorf("%s ends within a length", path)
		}
		size := int(bundle[0])<<8 | int(bundle[1])
		if len(bundle) < 2+size {
			return nil, fmt.Errorf("%s ends within an entry", path)
		}
		entries = append(entries, bundle[2:2+size])
		bundle = bundle[2+size:]
	}
	if len(entries) != w {
		return nil, fmt.Errorf("%s has %d entries, not %d", path, len(entries), w)
	}
	return entries, nil
}

// tree opens a checkpoint: a note of the key that stands in the directory.
func (d directory) tree(checkpoint string) (origin string, tree tlog.Tree, err error) {
	vkey, err := os.ReadFile(filepath.Join(string(d), "vkey"))
	if err != nil {
		return "", tree, err
	}
	verifier, err := note.NewVerifier(strings.TrimSuffix(string(vkey), "\n"))
	if err != nil {
		return "", tree, err
	}
	bytes, err := os.ReadFile(checkpoint)
	if err != nil {
		return "", tree, err
	}
	signed, err := note.Open(bytes, note.VerifierList(verifier))
	if err != nil {
		return "", tree, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifier.Name() {
		return "", tree, errors.New("the checkpoint has not three lines, or another origin")
	}
	tree.N, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || tree.N < 0 || strconv.FormatInt(tree.N, 10) != lines[1] {
		return "", tree, errors.New("the checkpoint's size is malformed")
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return "", tree, errors.New("the checkpoint's root is malformed")
	}
	copy(tree.Hash[:], root)
	return lines[0], tree, nil
}

// verify rebuilds the tree from the entries alone, compares it with tiles and checkpoint, and makes
// and checks proofs; also that the tree continues the one that was held, if it is not "".
func (d directory) verify(held string) (string, tlog.Tree, error) {
	origin, tree, err := d.tree(filepath.Join(string(d), "checkpoint"))
	if err != nil {
		return "", tree, err
	}
	var before tlog.Tree
	if held != "" {
		if _, before, err = d.tree(held); err != nil {
			return "", tree, err
		}
	}
	if before.N > tree.N {
		return "", tree, fmt.Errorf("rolled back: %d entries, and %d were held", tree.N, before.N)
	}
	tiles := tlog.TileHashReader(tree, d)

	var stored []tlog.Hash
	own := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			hashes[i] = stored[index]
		}
		return hashes, nil
	})
	roots := map[int64]tlog.Hash{}
	for first := int64(0); first < tree.N; first += 1 << tileHeight {
		width := 1 << tileHeight
		if tree.N-first < int64(width) {
			width = int(tree.N - first)
		}
		entries, err := d.entries(first>>tileHeight, width)
		if err != nil {
			return "", tree, err
		}
		var indexes []int64
		for i, entry := range entries {
			hashes, err := tlog.StoredHashes(first+int64(i), entry, own)
			if err != nil {
				return "", tree, err
			}
			stored = append(stored, hashes...)
			indexes = append(indexes, tlog.StoredHashIndex(0, first+int64(i)))
		}
		// Read by way of tiles that are proven to belong to the checkpoint's tree.
		proven, err := tiles.ReadHashes(indexes)
		if err != nil {
			return "", tree, err
		}
		for i, entry := range entries {
			if proven[i] != tlog.RecordHash(entry) {
				return "", tree, fmt.Errorf("entry %d is not what its leaf says", first+int64(i))
			}
		}
		size := first + int64(width)
		if roots[size], err = tlog.TreeHash(size, own); err != nil {
			return "", tree, err
		}
	}
	if tree.N == 0 {
		return origin, tree, nil
	}
	if before.N > 0 {
		proof, err := tlog.ProveTree(tree.N, before.N, tiles)
		if err == nil {
			err = tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash)
		}
		if err != nil {
			return "", tree, fmt.Errorf("not what was held at %d: %w", before.N, err)
		}
	}
	if roots[tree.N] != tree.Hash {
		return "", tree, errors.New("the entries' tree is not the checkpoint's")
	}

	for _, index := range []int64{0, tree.N / 3, tree.N / 2, tree.N - 1} {
		proof, err := tlog.ProveRecord(tree.N, index, tiles)
		if err != nil {
			return "", tree, err
		}
		leaf := stored[tlog.StoredHashIndex(0, index)]
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf); err != nil {
			return "", tree, fmt.Errorf("inclusion of %d: %w", index, err)
		}
	}
	for old, root := range roots {
		proof, err := tlog.ProveTree(tree.N, old, tiles)
		if err != nil {
			return "", tree, err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old, root); err != nil {
			return "", tree, fmt.Errorf("consistency with %d: %w", old, err)
		}
	}
	return origin, tree, nil
}

func main() {
	if len(os.Args) < 2 || len(os.Args) > 3 {
		fmt.Fprintln(os.Stderr, "usage: verify DIRECTORY [HELD] | BUNDLE")
		os.Exit(2)
	}
	if info, err := os.Stat(os.Args[1]); err == nil && !info.IsDir() {
		b, err := verifyBundle(os.Args[1])
		if err != nil {
			fmt.Fprintln(os.Stderr, "not verified:", err)
			os.Exit(1)
		}
		fmt.Printf("%s: %d of %d entries verified\n", b.verifier.Name(), b.entries, b.tree.N)
		return
	}
	held := ""
	if len(os.Args) == 3 {
		held = os.Args[2]
	}
	origin, tree, err := directory(os.Args[1]).verify(held)
	if err != nil {
		fmt.Fprintln(os.Stderr, "not verified:", err)
		os.Exit(1)
	}
	fmt.Printf("%s: %d entries verified\n", origin, tree.N)
}

// Asks `sluice witness` for cosignatures with software that knows nothing of this project: Go's own
// HTTPS, golang.org/x/mod's tree and notes, and crypto/ed25519 for what is cosigned. Usage:
//
//	witness SLUICE DIRECTORY
//
// It is the log: it makes a key, a tree and checkpoints, starts the witness as a process, and kills
// it. Says what is wrong and ends with 1.
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	origin      = "gateway.example/records/1"
	witnessName = "witness.example/w1"
)

func fail(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, "FAILED: "+format+"\n", args...)
	os.Exit(1)
}

func must(err error) {
	if err != nil {
		fail("%v", err)
	}
}

// history is a log's tree, grown entry by entry.
type history []tlog.Hash

func (h history) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = h[index]
	}
	return hashes, nil
}

func newHistory(name string, size int64) history {
	var h history
	for i := int64(0); i < size; i++ {
		hashes, err := tlog.StoredHashes(i, []byte(fmt.Sprintf("%s %d", name, i)), h)
		must(err)
		h = append(h, hashes...)
	}
	return h
}

func (h history) text(size int64) string {
	root, err := tlog.TreeHash(size, h)
	must(err)
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, root)
}

func (h history) request(old, size int64, signer note.Signer) string {
	body := fmt.Sprintf("old %d\n", old)
	if old > 0 && old < size {
		proof, err := tlog.ProveTree(size, old, h)
		must(err)
		for _, hash := range proof {
			body += hash.String() + "\n"
		}
	}
	signed, err := note.Sign(&note.Note{Text: h.text(size)}, signer)
	must(err)
	return body + "\n" + string(signed)
}

// cosigned checks the answer's one line against the witness's verifier key.
func cosigned(vkey, text, line string) error {
	parts := strings.SplitN(vkey, "+", 3)
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 33 || key[0] != 4 || parts[0] != witnessName {
		return fmt.Errorf("no cosigner's key: %q", vkey)
	}
	id := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	if hex.EncodeToString(id[:4]) != parts[1] {
		return fmt.Errorf("a key with another's id: %q", vkey)
	}
	prefix := "— " + witnessName + " "
	if !strings.HasPrefix(line, prefix) || strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") {
		return fmt.Errorf("no signature line: %q", line)
	}
	signature, err := base64.StdEncoding.DecodeString(line[len(prefix) : len(line)-1])
	if err != nil || len(signature) != 4+8+64 || !bytes.Equal(signature[:4], id[:4]) {
		return fmt.Errorf("no timestamped signature: %q", line)
	}
	at := binary.BigEndian.Uint64(signature[4:])
	if age := time.Now().Unix() - int64(at); age < -5 || age > 600 {
		return fmt.Errorf("made at another time: %d", at)
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", at, text)
	if !ed25519.Verify(ed25519.PublicKey(key[1:]), []byte(message), signature[12:]) {
		return fmt.Errorf("does not verify: %q", line)
	}
	return nil
}

// witness is the program as a process.
type witness struct {
	program, directory string
	client             *http.Client
	process            *exec.Cmd
	url                string
}

func (w *witness) run(arguments ...string) string {
	command := exec.Command(w.program, append([]string{"witness"}, arguments...)...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	must(err)
	return strings.TrimSuffix(string(out), "\n")
}

func (w *witness) command() *exec.Cmd {
	at := func(name string) string { return filepath.Join(w.directory, name) }
	return exec.Command(w.program, "witness", "serve", "--directory", at("witness"),
		"--listen", "127.0.0.1:0", "--tls-certificate", at("tls.pem"), "--tls-key", at("tls.key"),
		"--log", at("log.vkey"))
}

func (w *witness) start() {
	w.process = w.command()
	stderr, err := w.process.StderrPipe()
	must(err)
	must(w.process.Start())
	lines := bufio.NewReader(stderr)
	line, err := lines.ReadString('\n')
	var said struct {
		Event string
		Port  int
	}
	if err != nil || json.Unmarshal([]byte(line), &said) != nil || said.Event != "serving" {
		fail("the witness says %q", line)
	}
	go io.Copy(io.Discard, lines)
	w.url = fmt.Sprintf("https://127.0.0.1:%d/add-checkpoint", said.Port)
	w.client.CloseIdleConnections()
}

func (w *witness) kill(signal syscall.Signal) error {
	must(w.process.Process.Signal(signal))
	return w.process.Wait()
}

func (w *witness) post(body string) (status int, kind, answer string, err error) {
	response, err := w.client.Post(w.url, "text/plain", strings.NewReader(body))
	if err != nil {
		return 0, "", "", err
	}
	defer response.Body.Close()
	bytes, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header.Get("Content-Type"), string(bytes), err
}

func (w *witness) expect(what string, want int, body string) string {
	status, kind, answer, err := w.post(body)
	if err != nil || status != want {
		fail("%s: %d, not %d: %q %v", what, status, want, answer, err)
	}
	if status == 409 && kind != "text/x.tlog.size" {
		fail("%s: the size is of type %q", what, kind)
	}
	if status != 200 && strings.Contains(answer, "—") {
		fail("%s: refused and signed: %q", what, answer)
	}
	return answer
}

// certificate makes one for 127.0.0.1 that signs itself, and a client that trusts no other.
func (w *witness) certificate() {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "witness"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	template.IPAddresses = append(template.IPAddresses, []byte{127, 0, 0, 1})
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	must(err)
	key, err := x509.MarshalPKCS8PrivateKey(private)
	must(err)
	write := func(name, kind string, bytes []byte) {
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes})
		must(os.WriteFile(filepath.Join(w.directory, name), text, 0600))
	}
	write("tls.pem", "CERTIFICATE", der)
	write("tls.key", "PRIVATE KEY", key)
	parsed, err := x509.ParseCertificate(der)
	must(err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	w.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: witness SLUICE DIRECTORY")
		os.Exit(2)
	}
	w := &witness{program: os.Args[1], directory: os.Args[2]}
	w.certificate()
	skey, logKey, err := note.GenerateKey(rand.Reader, origin)
	must(err)
	log, err := note.NewSigner(skey)
	must(err)
	must(os.WriteFile(filepath.Join(w.directory, "log.vkey"), []byte("# the log\n"+logKey+"\n"), 0600))
	vkey := w.run("init", "--directory", filepath.Join(w.directory, "witness"), "--name", witnessName)

	ours, theirs := newHistory("entry", 600), newHistory("another entry", 600)
	w.start()
	// Every way to grow, beside powers of two and not.
	sizes := []int64{0, 1, 2, 3, 7, 8, 9, 64, 65, 255, 256, 257, 400}
	for i := 1; i < len(sizes); i++ {
		answer := w.expect("growth", 200, ours.request(sizes[i-1], sizes[i], log))
		if err := cosigned(vkey, ours.text(sizes[i]), answer); err != nil {
			fail("a tree of %d: %v", sizes[i], err)
		}
		if cosigned(vkey, theirs.text(sizes[i]), answer) == nil {
			fail("a tree of %d: the check accepts another text", sizes[i])
		}
	}
	last := int64(400)

	// What is refused.
	for _, size := range []int64{0, 1, 256, 399, 401} {
		answer := w.expect("another old size", 409, ours.request(size, 410, log))
		if answer != "400\n" {
			fail("the size is told as %q", answer)
		}
	}
	w.expect("a rollback", 409, ours.request(256, 300, log))
	w.expect("an old size beyond the new", 400, ours.request(400, 300, log))
	w.expect("a fork of the same size", 409, theirs.request(400, 400, log))
	w.expect("a fork of a larger size", 422, theirs.request(400, 500, log))
	w.expect("no proof", 422, strings.SplitAfterN(ours.request(400, 500, log), "\n", 2)[0]+"\n"+
		strings.SplitAfterN(ours.request(400, 500, log), "\n\n", 2)[1])
	skey, _, err = note.GenerateKey(rand.Reader, origin)
	must(err)
	thief, err := note.NewSigner(skey)
	must(err)
	w.expect("another key", 403, ours.request(400, 500, thief))
	other := strings.Replace(ours.request(400, 500, log), "\n\n"+origin, "\n\nother.example/log", 1)
	w.expect("another log", 404, other)
	w.expect("no request", 400, "old 400\n")
	if response, err := w.client.Get(w.url); err != nil || response.StatusCode != 404 {
		fail("GET is answered with %v %v", response, err)
	}

	// Only one serves from a directory.
	if out, err := w.command().CombinedOutput(); err == nil {
		fail("a second witness serves: %s", out)
	}

	// Killed while a request is under way: what was answered is kept, and nothing goes back.
	for round := 0; round < 24; round++ {
		next := last + 1 + int64(round%3)
		state := w.state()
		done := make(chan bool, 1)
		go func() {
			status, _, answer, err := w.post(ours.request(last, next, log))
			done <- err == nil && status == 200 && cosigned(vkey, ours.text(next), answer) == nil
		}()
		answered, ended := false, false
		// Half of them just after the checkpoint is kept, the others wherever it may be.
		for tries := round; round%2 == 0 && !ended && w.state() == state; tries++ {
			select {
			case answered = <-done:
				ended = true
			default:
			}
		}
		if err := w.kill(syscall.SIGKILL); err == nil {
			fail("a killed witness ends well")
		}
		if !ended {
			answered = <-done
		}
		w.start()
		status, _, answer, err := w.post(theirs.request(0, 1, log))
		must(err)
		now := int64(0)
		if _, err := fmt.Sscanf(answer, "%d\n", &now); status != 409 || err != nil {
			fail("round %d: a fork from nothing is answered with %d: %q", round, status, answer)
		}
		if now != next && (now != last || answered || (round%2 == 0)) {
			fail("round %d: %d after %d, of which %v was answered: %d", round, last, next, answered, now)
		}
		w.expect("a fork after a kill", 409, theirs.request(last-1, next, log))
		if now == next {
			w.expect("the request again", 409, ours.request(last, next, log))
		}
		w.expect("the same size", 200, ours.request(now, now, log))
		last = now
	}

	// An end that is asked for.
	if err := w.kill(syscall.SIGTERM); err != nil {
		fail("SIGTERM: %v", err)
	}
	fmt.Printf("%s: cosigned up to %d\n", witnessName, last)
}

// state is what the witness keeps of its one log.
func (w *witness) state() string {
	files, err := filepath.Glob(filepath.Join(w.directory, "witness/logs/*"))
	must(err)
	for _, file := range files {
		if !strings.HasSuffix(file, ".new") {
			bytes, err := os.ReadFile(file)
			must(err)
			return string(bytes)
		}
	}
	return ""
}

// Calls ListGrants twice over connections of its own, the second with the first's TLS session: the
// gateway then sees no certificate chain in the handshake and must know the caller all the same.
//   resumed_session.js TARGET CA CERTIFICATE KEY [COMMAND]
// COMMAND runs between the two. The last line is how the second call ended: a gRPC code.
'use strict';
const assert = require('assert');
const { execFileSync } = require('child_process');
const http2 = require('http2');
const tls = require('tls');
const { definitions, parseArguments } = require('./gateway.js');

// One connection with one unary call: its gRPC status, and a session to resume.
function listGrants({ target, ca, certificate, key }, session) {
  const method = definitions['sluice.v1.ExchangeService'].ListGrants;
  const [host, port] = target.split(':');
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host, port, ca, cert: certificate, key, session,
                                 servername: 'localhost', ALPNProtocols: ['h2'] });
    let ticket;
    socket.on('session', (bytes) => { ticket = bytes; });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      const reused = socket.isSessionReused();
      const connection = http2.connect(`https://${target}`, { createConnection: () => socket });
      connection.on('error', reject);
      const call = connection.request({
        ':method': 'POST', ':path': method.path, 'content-type': 'application/grpc',
        te: 'trailers' });
      let status;
      const note = (headers) => { status = headers['grpc-status'] ?? status; };
      call.on('response', note);
      call.on('trailers', note);
      call.on('error', reject);
      call.on('data', () => {});
      call.on('end', () => {
        connection.close();
        resolve({ reused, ticket, status: Number(status) });
      });
      const message = method.requestSerialize({});
      const frame = Buffer.alloc(5);
      frame.writeUInt32BE(message.length, 1);
      call.end(Buffer.concat([frame, message]));
    });
  });
}

async function main() {
  const connection = parseArguments(process.argv);
  const first = await listGrants(connection);
  assert.strictEqual(first.reused, false);
  assert.strictEqual(first.status, 0, 'the first call is answered');
  assert.ok(first.ticket, 'the gateway offers to resume');

  const [command, ...args] = connection.rest;
  if (command) execFileSync(command, args, { stdio: 'inherit' });

  const second = await listGrants(connection, first.ticket);
  assert.strictEqual(second.reused, true, 'the second connection resumes the first');
  console.log(second.status);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

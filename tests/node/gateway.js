// What the tests of this folder share: the API as the proto files say it, and nothing else of
// Sluice. Packages come from the folder that SLUICE_NODE_MODULES names.
'use strict';
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const packages = createRequire(path.join(process.env.SLUICE_NODE_MODULES, 'here.js'));
const grpc = packages('@grpc/grpc-js');
const protoLoader = packages('@grpc/proto-loader');

const protos = path.join(__dirname, '..', '..', 'proto');
const definitions = protoLoader.loadSync(
  [
    'sluice/v1/exchange_service.proto',
    'sluice/v1/candidate_records.proto',
    'google/rpc/status.proto',
    'google/rpc/error_details.proto',
  ],
  { includeDirs: [protos], keepCase: true, longs: String, enums: String, oneofs: true });

// `{target, ca, certificate, key}`: an address and paths of PEM files, from the command line.
function parseArguments(argv) {
  const [target, ca, certificate, key, ...rest] = argv.slice(2);
  if (!key) {
    console.error(`usage: ${path.basename(argv[1])} TARGET CA CERTIFICATE KEY ...`);
    process.exit(2);
  }
  return { target, ca: fs.readFileSync(ca), certificate: fs.readFileSync(certificate),
           key: fs.readFileSync(key), rest };
}

function exchangeClient({ target, ca, certificate, key }) {
  const services = grpc.loadPackageDefinition(definitions);
  const credentials = grpc.credentials.createSsl(ca, key, certificate);
  return new services.sluice.v1.ExchangeService(target, credentials);
}

// The `google.rpc` details of an error, by the short name of their type.
function errorDetails(error) {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  if (!bytes) return {};
  const details = {};
  for (const any of definitions['google.rpc.Status'].deserialize(bytes).details) {
    const type = any.type_url.split('/').pop();
    details[type.split('.').pop()] = definitions[type].deserialize(any.value);
  }
  return details;
}

module.exports = { definitions, parseArguments, exchangeClient, errorDetails };

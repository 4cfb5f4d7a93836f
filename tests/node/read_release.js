// Reads a release of Candidate as a program that knows only the proto files, checks it against its
// own trailer and against what the MOU grants, then asks for a purpose that is not granted.
//   read_release.js TARGET CA CERTIFICATE KEY MOU PURPOSE EXPECTED_ROWS
'use strict';
const assert = require('assert');
const crypto = require('crypto');
const { definitions, parseArguments, exchangeClient, errorDetails } = require('./gateway.js');

const granted = new Set([
  'candidate_id', 'birth_date', 'home_postal_code', 'subject_area', 'expected_completion_year']);
const pseudonym = /^[a-z2-7]{26}$/;

function lengthPrefixed(bytes) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function checkCandidate(bytes) {
  const type = definitions['sluice.v1.Candidate'];
  const candidate = type.deserialize(bytes);
  assert.ok(type.serialize(candidate).equals(bytes), 'a row has fields that the proto has not');
  for (const [field, value] of Object.entries(candidate)) {
    if (field.startsWith('_') || value === null || (Array.isArray(value) && !value.length)) continue;
    assert.ok(granted.has(field), `${field} was not granted`);
  }
  assert.match(candidate.candidate_id, pseudonym);
  const { year, month = 0, day = 0 } = candidate.birth_date;
  assert.deepStrictEqual([year % 5, month, day], [0, 0, 0]);
  assert.match(candidate.home_postal_code, /^[0-9]{3}$/);
  assert.match(candidate.subject_area, /^uri:\/\/.*#/);
  assert.ok(candidate.expected_completion_year >= 2027);
  return candidate.candidate_id;
}

async function readRelease(client, request) {
  const digest = crypto.createHash('sha256');
  const candidates = new Set();
  let header, trailer, rows = 0;
  for await (const message of client.ReadRecords(request)) {
    assert.ok(!trailer, 'something follows the trailer');
    if (message.part === 'header') {
      assert.ok(!header && rows === 0, 'the header is first');
      header = message.header;
    } else if (message.part === 'batch') {
      assert.ok(header, 'the header is first');
      const { row_ids: ids, records } = message.batch;
      assert.strictEqual(ids.length, records.length);
      ids.forEach((id, i) => {
        assert.match(id, pseudonym);
        candidates.add(checkCandidate(records[i]));
        digest.update(lengthPrefixed(Buffer.from(id)));
        digest.update(lengthPrefixed(records[i]));
        rows += 1;
      });
    } else {
      trailer = message.trailer;
    }
  }
  assert.ok(header && trailer, 'a release has a header and a trailer');
  assert.strictEqual(Number(trailer.row_count), rows);
  assert.strictEqual(trailer.rows_digest, `sha256:${digest.digest('hex')}`);
  assert.deepStrictEqual(new Set(header.fields.map((field) => field.path)), granted);
  assert.strictEqual(candidates.size, rows, 'each row is about another candidate');
  return { header, rows };
}

async function readDenial(client, request) {
  try {
    for await (const message of client.ReadRecords(request)) {
      assert.fail(`a denied release has a ${message.part}`);
    }
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    assert.strictEqual(error.code, 7, `PERMISSION_DENIED, not ${error.code}: ${error.details}`);
    const details = errorDetails(error);
    assert.strictEqual(details.ErrorInfo.domain, 'sluice');
    return details;
  }
  return assert.fail('a release that is not granted ended as if it were');
}

async function main() {
  const connection = parseArguments(process.argv);
  const [mou, purpose, expectedRows] = connection.rest;
  const client = exchangeClient(connection);
  const request = { mou, purpose, record_type: 'Candidate' };

  const { header, rows } = await readRelease(client, request);
  assert.strictEqual(header.mou, mou);
  assert.strictEqual(header.purpose, purpose);
  assert.strictEqual(rows, Number(expectedRows));

  const denial = await readDenial(client, { ...request, purpose: 'marketing' });
  assert.strictEqual(denial.ErrorInfo.reason, 'PURPOSE_NOT_GRANTED');
  assert.ok(denial.PreconditionFailure.violations.length > 0, 'a party is told the nearest grants');
  client.close();
  console.log(`${rows} rows of ${header.mou} version ${header.version}; ` +
              `denied: ${denial.ErrorInfo.reason}`);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

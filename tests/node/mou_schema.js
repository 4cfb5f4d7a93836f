// The schema of a document, by another's validator of JSON Schema and another's reader of YAML: the
// demo's documents fit it, what an editor should mark it marks, and it refuses nothing that `check`
// takes. mou_schema.js SLUICE DOCUMENTS... in a folder of its own.
'use strict';

const assert = require('node:assert');
const {execFileSync, spawnSync} = require('node:child_process');
const fs = require('node:fs');
const Ajv = require('ajv');
const yaml = require('yaml');

const [sluice, ...documents] = process.argv.slice(2);
const run = (...words) => execFileSync(sluice, words, {encoding: 'utf8'});
const fits = new Ajv({strict: true, allErrors: true, strictTypes: false, strictRequired: false})
    .compile(JSON.parse(run('mou', 'schema')));
// Scalars as the document has them: dates and names stay text.
const read = (text) => yaml.parse(text, {schema: 'core', strict: true});

// What stands in the demo's documents for what is made there.
function filled(path) {
  const digest = `sha256:${'0'.repeat(64)}`;
  fs.writeFileSync('mou.yaml', fs.readFileSync(path, 'utf8')
      .replace('@EFFECTIVE@', '2026-07-01').replace('@EXPIRES@', '2028-07-01').replace(/@[A-Z_]+@/g, digest));
  run('mou', 'fmt', '--pin', 'mou.yaml');
  return fs.readFileSync('mou.yaml', 'utf8');
}

function checks(text) {
  fs.writeFileSync('changed.yaml', text);
  const {status, stderr} = spawnSync(sluice, ['mou', 'check', 'changed.yaml'], {encoding: 'utf8'});
  assert.ok(status === 0 || status === 3, stderr);
  return status === 0;
}

// [what is replaced, by what, whether an editor marks it]
const changes = [
  [/^version: 1$/m, 'version: one', true],
  [/^version: 1$/m, 'version: 2', false],
  [/^title: .*\n/m, '', true],
  [/^mou: .*$/m, 'mou: Stem_Pipeline', true],
  [/expires: 2028-07-01/, 'expires: soon', true],
  [/redisclosure: PROHIBITED/, 'redisclosure: MAYBE', true],
  [/basis: FERPA_DEIDENTIFIED/, 'basis: FERPA', true],
  [/candidate_id: pseudonymize/, 'candidate_id: hash', true],
  [/candidate_id: pseudonymize/, 'candidate_idd: pseudonymize', true],
  [/subject_area: pass/, 'subject_area: pseudonymize', true],
  [/band: 5/, 'band: five', true],
  [/band: 5/, 'bond: 5', true],
  [/band: 5/, 'band: 10', false],
  [/to: YEAR, band: 5/, 'to: MONTH', false],
  [/zip3: CENSUS_2000/, 'keep_prefix: 3', true],
  [/record: Candidate/, 'record: Candidates', true],
  [/expected_completion_year: \{at_least: 2027\}/, 'expected_completion_year: {above: 2027}', true],
  [/expected_completion_year: \{at_least: 2027\}/, 'expected_completion_year: {in: [2027, 2028]}', false],
  [/expected_completion_year: \{at_least: 2027\}/, 'home_postal_code: {in: [60614]}', true],
  [/\[MATHEMATICS, PHYSICS, CHEMISTRY\]/, '["uri://ed-fi.org/AcademicSubjectDescriptor#Mathematics"]', false],
  [/operations: \[READ\]/, 'operations: [READ, SYNC]', false],
  [/operations: \[READ\]/, 'operations: [WRITE]', true],
  [/prohibitions: \[\]/, 'prohibitions: [{name: none, reason: None at all.}]', false],
  [/prohibitions: \[\]/, 'prohibitions: [{name: none}]', true],
];

let marked = 0, taken = 0;
for (const path of documents) {
  const text = filled(path);
  assert.ok(checks(text), `${path} is no document`);
  assert.ok(fits(read(text)), `${path}: ${JSON.stringify(fits.errors, null, 1)}`);
  for (const [what, by, marks] of changes) {
    const changed = text.replace(what, by);
    if (changed === text) continue;
    const fit = fits(read(changed));
    assert.strictEqual(!fit, marks, `${path}: ${by}: ${JSON.stringify(fits.errors)}`);
    if (!fit) assert.ok(!checks(changed), `${path}: check takes what the schema does not: ${by}`);
    marked += fit ? 0 : 1;
    taken += fit ? 1 : 0;
  }
}
assert.ok(marked > 15 && taken > 5, 'the documents have not what is changed here');
console.log(`${marked} changes are marked, ${taken} are not`);

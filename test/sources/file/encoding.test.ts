import { expect, test } from 'vitest'
import { encodingNames, encodingOf } from '../../../src/sources/file/encoding.ts'
import { freshDatabase } from '../../support/database.ts'
import { servers } from '../../support/servers.ts'

const bytes = Array.from({ length: 128 }, (_, index) => index + 128)

/** What PostgreSQL makes of one byte; NULL where it refuses. */
const decode = `
  CREATE FUNCTION pg_temp.decode(byte int, encoding text) RETURNS text LANGUAGE plpgsql AS $$
  BEGIN
    RETURN convert_from(set_byte('\\x00', 0, byte), encoding);
  EXCEPTION WHEN untranslatable_character OR character_not_in_repertoire THEN
    RETURN NULL;
  END $$`

test.each(servers)('every byte of every encoding means what it means to $name', async (server) => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await session.run(decode)
  const different: string[] = []
  for (const name of encodingNames.filter((known) => known !== 'UTF8')) {
    const encoding = encodingOf(name)
    const rows = await session.rows<{ byte: number; text: string | null }>(
      'SELECT byte, pg_temp.decode(byte, $2) AS text FROM unnest($1::int[]) byte',
      [bytes, name],
    )
    for (const { byte, text } of rows) {
      const ours = encoding.decode(String.fromCharCode(byte)) ?? null
      if (ours !== text)
        different.push(
          `${name} 0x${byte.toString(16)}: ${JSON.stringify(ours)}, the server ${JSON.stringify(text)}`,
        )
    }
  }
  expect(different).toEqual([])
})

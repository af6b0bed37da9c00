import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listFiles, produce } from '../../src/migrate/files.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

test('a migration that asks the database is told names as it will be when it is applied', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await session.run('CREATE TABLE public.sales (id integer)')
  const settings = () => session.one("SELECT current_setting('search_path') AS search_path")
  const before = await settings()
  using warehouse = testWarehouse(
    {},
    {
      'migrations/0001_comment.ts': `
        export const up = async (pgm) => {
          const [{ name }] = await pgm.db.select("SELECT 'sales'::regclass::text AS name")
          pgm.sql(\`COMMENT ON TABLE \${name} IS 'asked'\`)
        }`,
    },
  )
  const [file] = await listFiles({ label: 'test', path: join(warehouse.folder, 'migrations') })
  if (!file) throw new Error('the migration is not found')
  expect(await produce(file, 'up', session)).toMatchObject({
    statements: ["COMMENT ON TABLE sales IS 'asked';"],
    asked: true,
  })
  expect(await settings()).toEqual(before)
})

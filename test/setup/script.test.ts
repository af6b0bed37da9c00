import { describe, expect, test } from 'vitest'
import { describeTable } from '../support/catalogue.ts'
import { dwh } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { psqlScript } from '../support/psql.ts'
import { server } from '../support/servers.ts'
import { plainSales, sales, salesWarehouse } from './fixture.ts'

describe('the plan as SQL', () => {
  const template = databaseTemplate(server, plainSales)

  test('run by psql it ends as setup does', async () => {
    await using byHand = await freshDatabase(server, { template: template.name })
    await using bySetup = await freshDatabase(server, { template: template.name })
    using warehouse = salesWarehouse()
    expect(await dwh(['setup', '--sql', 'plan.sql'], warehouse.at(byHand.target))).toMatchObject({
      code: 0,
      stdout: '',
    })
    psqlScript(warehouse.at(byHand.target), 'plan.sql')
    expect(await dwh(['setup', '--yes', '--no-backup'], warehouse.at(bySetup.target))).toMatchObject({
      code: 0,
    })

    await using one = await byHand.open()
    await using other = await bySetup.open()
    expect(await describeTable(one, sales)).toEqual(await describeTable(other, sales))
    const kept = { schema: 'public', name: 'sales_before_setup' }
    expect(await describeTable(one, kept)).toEqual(await describeTable(other, kept))
    expect(await dwh(['migrate', 'verify'], warehouse.at(byHand.target))).toMatchObject({ code: 0 })
    expect(await dwh(['partitions', 'list', 'sales'], warehouse.at(byHand.target))).toMatchObject({ code: 0 })
  })
})

import { type Column, factTable } from 'dwh'
import type { MigrationBuilder } from 'node-pg-migrate'

const required = (type: string, comment?: string): Column => ({
  type,
  notNull: true,
  ...(comment ? { comment } : {}),
})

/** Measures and analyses by month. */
export function up(pgm: MigrationBuilder): void {
  factTable(pgm, {
    table: 'public.measure',
    comment: 'One value of one parameter at one station and time',
    columns: {
      theme: required('text', 'piezo, hydro or temp'),
      station_code: required('text', 'Of the site where there is no station'),
      site_code: 'text',
      parameter: required('text', 'niveau_nappe_eau, Q, H, QmnJ and the like, 1301'),
      ts: required('timestamptz'),
      day: required('date', 'As the publisher gives it'),
      value: 'double precision',
      depth: { type: 'double precision', comment: 'Of groundwater below its marker in metres' },
      unit: 'text',
      status: 'text',
      qualification: 'text',
      method: 'text',
      produced_at: { type: 'timestamptz', comment: 'When the publisher made it' },
    },
    key: ['theme', 'station_code', 'parameter', 'ts'],
    partitionBy: 'ts',
    indexes: ['ts'],
  })

  factTable(pgm, {
    table: 'public.measure_quality',
    comment: 'Analyses of rivers and groundwater',
    columns: {
      origin: required('text', 'surface or groundwater'),
      station_code: required('text'),
      param_code: required('text', 'Of Sandre'),
      ts: required('timestamptz', 'When the sample was taken'),
      day: required('date', 'As the publisher gives it'),
      code_banque_reference: {
        type: 'text',
        comment: 'With code_analyse the key of rivers; NULL of groundwater',
      },
      code_analyse: 'text',
      sample_code: 'text',
      operation_code: 'text',
      support_code: 'text',
      fraction_code: 'text',
      method_code: 'text',
      value: {
        type: 'double precision',
        comment: 'Where remark_code is 10 the limit of quantification that it lies below',
      },
      unit_code: 'text',
      unit: 'text',
      remark_code: 'text',
      detection_limit: 'double precision',
      quantification_limit: 'double precision',
      status: 'text',
      qualification: 'text',
      departement_code: { type: 'text', comment: 'Of groundwater' },
      updated_at: { type: 'date', comment: 'When the publisher changed it last' },
    },
    key: ['code_banque_reference', 'code_analyse'],
    partitionBy: 'ts',
    indexes: ['ts', ['station_code', 'param_code']],
  })
}

export function down(pgm: MigrationBuilder): void {
  for (const name of ['measure_quality', 'measure']) pgm.dropTable({ schema: 'public', name })
}

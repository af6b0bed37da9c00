/** What a migration gets from `import … from 'dwh'`, wherever its folder lies. */
export { type Column, type FactTable, factTable } from './fact-table.ts'

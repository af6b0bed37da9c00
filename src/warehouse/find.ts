import { DwhError } from '../errors.ts'

/** The path of the warehouse file. */
export function findWarehouse(_named?: string): string {
  throw new DwhError('CONFIG_MISSING', 'no warehouse file')
}

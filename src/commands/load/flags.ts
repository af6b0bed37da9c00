import { z } from 'zod'

/** `a,b,c` */
export const columnNames = z.string().transform((text, context) => {
  const names = text.split(',').map((name) => name.trim())
  if (names.every((name) => name !== '') && new Set(names).size === names.length) return names
  context.addIssue({ code: 'custom', message: 'expected names like a,b,c, each once' })
  return z.NEVER
})

/** `name=value`, several */
export const parameters = z.array(z.string()).transform((words, context) => {
  const pairs = words.map((word) => /^([a-z_]\w*)=(.*)$/is.exec(word))
  if (pairs.every((pair) => pair !== null))
    return Object.fromEntries(pairs.map((pair) => [pair[1] as string, pair[2] as string]))
  context.addIssue({ code: 'custom', message: 'expected name=value' })
  return z.NEVER
})

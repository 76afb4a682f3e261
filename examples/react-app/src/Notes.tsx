import { useAuth } from '@clerk/react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useCallback } from 'react'

interface Note {
  id: number
  text: string
  author: string | null
  mine: boolean
}

/** The notes of axum-app; a backend without notes has none to show. */
export function Notes() {
  const { userId, getToken } = useAuth()
  const cache = useQueryClient()
  const key = ['notes', userId]
  const call = useCallback(
    async (init?: RequestInit) => {
      const headers = { authorization: `Bearer ${await getToken()}`, 'content-type': 'application/json' }
      return fetch('/api/notes', { ...init, headers })
    },
    [getToken],
  )
  const notes = useQuery({
    queryKey: key,
    queryFn: async (): Promise<Note[] | null> => {
      const answer = await call()
      if (answer.status === 404) return null
      if (!answer.ok) throw new Error(`the notes cannot be read: ${answer.status}`)
      return answer.json()
    },
  })
  const write = useMutation({
    mutationFn: async (text: string) => {
      const answer = await call({ method: 'POST', body: JSON.stringify({ text }) })
      if (!answer.ok) throw new Error(`the note was not kept: ${answer.status}`)
    },
    onSuccess: () => cache.invalidateQueries({ queryKey: key }),
  })
  if (!notes.data) return notes.error && <p role="alert">{notes.error.message}</p>

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    write.mutate(String(new FormData(form).get('text')), { onSuccess: () => form.reset() })
  }
  return (
    <section aria-labelledby="notes">
      <h2 id="notes">Notes</h2>
      <form onSubmit={submit}>
        <label>
          A note <input name="text" required maxLength={1000} />
        </label>
        <button disabled={write.isPending}>Keep</button>
        {write.error && <p role="alert">{write.error.message}</p>}
      </form>
      <ul>
        {notes.data.map((note) => (
          <li key={note.id}>
            {note.text} <small>{note.mine ? 'by you' : `by ${note.author ?? 'somebody who left'}`}</small>
          </li>
        ))}
      </ul>
    </section>
  )
}

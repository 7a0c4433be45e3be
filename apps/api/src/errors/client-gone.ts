/** A client that closed its connection: nobody hears the answer, and what was begun for it is given up. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
  constructor() {
    super('the client is gone');
  }
}

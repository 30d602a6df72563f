// One end of a recorded session, played by the npm package ws: see record.py.

const { WebSocket, WebSocketServer } = require("ws");

const session = JSON.parse(process.argv[2]);

const send = (socket, message, options) => new Promise((done) => socket.send(message, options, done));

async function sendAll(socket, messages) {
  for (const message of messages) {
    if (message.fragments) {
      for (const [i, part] of message.fragments.entries()) {
        await send(socket, part, { fin: i === message.fragments.length - 1 });
      }
    } else if (message.text !== undefined) {
      await send(socket, message.text.repeat(message.times ?? 1));
    } else {
      const once = Buffer.from(message.hex, "hex");
      await send(socket, Buffer.concat(Array(message.times ?? 1).fill(once)));
    }
  }
}

async function ping(socket, payload) {
  const pong = new Promise((done) => socket.once("pong", done));
  socket.ping(payload);
  await pong;
}

if (session.side === "server") {
  const server = new WebSocketServer({ host: "127.0.0.1", port: session.port, perMessageDeflate: false });
  server.on("listening", () => console.log("listening"));
  server.on("connection", (socket) => {
    socket.on("message", async (message) => {
      if (message.toString() !== session.turn) return;
      await sendAll(socket, session.server);
      await ping(socket, "from the server");
      await send(socket, session.bye);
      if (session.closer === "server") socket.close(session.code, session.reason);
    });
    socket.on("close", () => server.close());
  });
} else {
  const socket = new WebSocket(`ws://127.0.0.1:${session.port}/chat`, { perMessageDeflate: false });
  socket.on("open", async () => {
    await sendAll(socket, session.client);
    await ping(socket, "from the client");
    await send(socket, session.turn);
  });
  socket.on("message", (message) => {
    if (message.toString() === session.bye && session.closer === "client") socket.close(session.code, session.reason);
  });
}

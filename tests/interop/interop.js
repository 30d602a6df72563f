// The part of interop.py for npm's ws: `client URL`, or `servers`, which prints the ports of one server a combination.
const { WebSocket, WebSocketServer } = require("ws");

const messages = ["", "x", "", "привет, 世界 🎉".repeat(9)];
for (let i = 0; i < 40; i++) messages.push(JSON.stringify({ id: i, price: `${(i * 37) % 101}.50`, side: "buy" }));
messages.push("again and ".repeat(7000), Buffer.alloc(100000), Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * i * 31) % 251)));

// Sends everything and wants it back, in order.
function echoes(socket) {
  return new Promise((done, fail) => {
    let next = 0;
    socket.on("error", fail);
    socket.on("close", () => fail(new Error("closed")));
    socket.on("message", (data, isBinary) => {
      const sent = messages[next++];
      const same = isBinary ? Buffer.isBuffer(sent) && data.equals(sent) : data.toString() === sent;
      if (!same) fail(new Error(`message ${next - 1} differs`));
      if (next === messages.length) done();
    });
    for (const message of messages) socket.send(message);
  });
}

function* combinations(serverBits, clientBits) {
  for (const serverNoContextTakeover of [false, true])
    for (const clientNoContextTakeover of [false, true])
      for (const serverMaxWindowBits of serverBits)
        for (const clientMaxWindowBits of clientBits)
          yield { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits, threshold: 0 };
}

async function client(url) {
  let connections = 0;
  for (const perMessageDeflate of combinations([undefined, 8, 9, 12, 15], [undefined, true, 9, 12, 15])) {
    const socket = new WebSocket(url, { perMessageDeflate });
    await new Promise((done, fail) => socket.on("open", done).on("error", fail));
    if (!socket.extensions.startsWith("permessage-deflate")) throw new Error("nothing was agreed");
    await echoes(socket);
    socket.removeAllListeners("close");
    socket.close();
    connections++;
  }
  console.log(connections);
}

async function servers() {
  const ports = [];
  for (const perMessageDeflate of combinations([undefined, 9, 12, 15], [undefined, 9, 12, 15])) {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate });
    await new Promise((done) => server.on("listening", done));
    server.on("connection", (socket) =>
      echoes(socket).then(
        () => socket.removeAllListeners("close") && socket.close(),
        (error) => { console.error(error); process.exit(1); },
      ));
    ports.push(server.address().port);
  }
  console.log(JSON.stringify(ports));
}

const [mode, url] = process.argv.slice(2);
(mode === "client" ? client(url) : servers()).catch((error) => { console.error(error); process.exit(1); });

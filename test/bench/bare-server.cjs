// The yardstick, run as a process of its own: node:http on a Unix socket that serves fixed bytes and does nothing else.
// CommonJS, as PSI is built: an ES module's import of node:http costs 12 MB. Arguments: the socket's path, the body.
const { createServer } = require('node:http');

const [socketPath = '', body = ''] = process.argv.slice(2);
const bytes = Buffer.from(body);
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes.byteLength });
  response.end(bytes);
});
server.listen({ path: socketPath, backlog: 4096 }, () => {
  console.log('ready');
});

/** Serves until it is killed, and prints its port. @module */
import { serveLocally } from "../../tools/server/loopback.ts";

console.log(serveLocally(() => new Response("here")).addr.port);

// Makes the replica sets of a sharded cluster and adds its shards; does nothing where they are there. Run it with
//   mongosh --nodb --file create-cluster.js
// CONFIG names the configuration's set, SHARDS the shards' (by spaces), each as `set/host:port,host:port,...`;
// ROUTER is a mongos, as host:port.

const timeouts = { electionTimeoutMillis: 2000, heartbeatTimeoutSecs: 2, heartbeatIntervalMillis: 500 };

function waited(what, attempt) {
  for (let left = 120; ; left--) {
    try {
      return attempt();
    } catch (error) {
      if (left === 0) throw error;
      print(`waiting for ${what}: ${error.message}`);
      sleep(1000);
    }
  }
}

function admin(address, options = "directConnection=true&serverSelectionTimeoutMS=2000") {
  return new Mongo(`mongodb://${address}/?${options}`).getDB("admin");
}

function makeSet(named, configsvr) {
  const [name, list] = named.split("/");
  const hosts = list.split(",");
  for (const host of hosts) waited(host, () => admin(host).runCommand({ ping: 1 }));
  const first = admin(hosts[0]);
  const made = first.runCommand({ replSetGetStatus: 1 });
  if (made.ok !== 1) {
    const members = hosts.map((host, index) => ({ _id: index, host, priority: index === 0 ? 2 : 1 }));
    first.runCommand({ replSetInitiate: { _id: name, members, settings: timeouts, ...(configsvr && { configsvr }) } });
  }
  waited(`a primary of ${name}`, () => {
    if (!first.runCommand({ hello: 1 }).primary) throw new Error("none yet");
  });
}

makeSet(process.env.CONFIG, true);
const shards = process.env.SHARDS.split(" ");
for (const shard of shards) makeSet(shard, false);

const router = waited(process.env.ROUTER, () => {
  const there = admin(process.env.ROUTER, "serverSelectionTimeoutMS=2000");
  there.runCommand({ ping: 1 });
  return there;
});
// Explicit, so that what is acknowledged survives the loss of any member.
router.runCommand({ setDefaultRWConcern: 1, defaultWriteConcern: { w: "majority" } });
const known = router.runCommand({ listShards: 1 }).shards.map((shard) => shard._id);
for (const shard of shards.filter((named) => !known.includes(named.split("/")[0]))) {
  waited(shard, () => {
    const added = router.runCommand({ addShard: shard });
    if (added.ok !== 1) throw new Error(added.errmsg);
  });
}
print(`sharded over ${shards.length} sets`);

package main

const trigger = `CREATE TRIGGER carillon AFTER INSERT ON orders`

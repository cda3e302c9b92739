package shop

const hook = `CREATE TRIGGER hook AFTER INSERT ON t`
